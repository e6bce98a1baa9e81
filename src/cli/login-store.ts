// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, readdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { PublicClient } from '../identity/device-login.ts';
import { PosternError, problemText } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { CommandContext } from './command.ts';

/** A token that `postern login` got. */
export interface StoredLogin {
  readonly provider: string;
  readonly token: Secret;
  /** ms since the epoch. */
  readonly expiresAt: number;
  readonly renewal?: LoginRenewal;
}

/** How a login gets its next token, wherever the declaration is by then. */
export interface LoginRenewal {
  readonly client: PublicClient;
  readonly refreshToken: Secret;
  /** Which of the provider's tokens it is. */
  readonly use: 'access' | 'id';
}

const fileSchema = z.strictObject({
  provider: z.string(),
  token: z.string(),
  expiresAt: z.number(),
  renewal: z
    .strictObject({
      client: z.strictObject({
        issuer: z.string(),
        clientId: z.string(),
        resource: z.string().optional(),
        ca: z.string().optional(),
      }),
      refreshToken: z.string(),
      use: z.enum(['access', 'id']),
    })
    .optional(),
});

/** Bits of a file's mode that let anybody but its owner in. */
const OTHERS = 0o077;

/** `$XDG_STATE_HOME/postern/login`, by default `~/.local/state/postern/login`. */
export function loginDirectory(context: CommandContext): string {
  const home = context.env['HOME'] ?? homedir();
  const state = context.env['XDG_STATE_HOME'] || join(home, '.local', 'state');
  return join(state, 'postern', 'login');
}

export function loginFile(context: CommandContext, provider: string): string {
  return join(loginDirectory(context), `${provider}.json`);
}

/** Writes the token where only its owner can read it (mode 0600); returns the file. */
export function saveLogin(context: CommandContext, login: StoredLogin): string {
  const directory = loginDirectory(context);
  const file = loginFile(context, login.provider);
  const { token, renewal, ...rest } = login;
  const content = {
    ...rest,
    token: token.reveal(),
    ...(renewal && { renewal: { ...renewal, refreshToken: renewal.refreshToken.reveal() } }),
  };
  const text = `${JSON.stringify(content)}\n`;
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
    // A new file each time: an old one's looser mode would stay.
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, text, { mode: 0o600, flag: 'wx' });
    renameSync(temporary, file);
  } catch (cause) {
    throw new PosternError('file-unwritable', { file, problem: problemText(cause) }, cause);
  }
  return file;
}

/**
 * The stored token that lasts longest, of one provider when given; undefined when there is none.
 * Throws `file-unreadable` for a file that others can read or that is not ours.
 */
export function storedLogin(context: CommandContext, provider?: string): StoredLogin | undefined {
  const directory = loginDirectory(context);
  const logins = loginFiles(directory)
    .map((name) => readLogin(join(directory, name)))
    .filter((login) => provider === undefined || login.provider === provider);
  return logins.sort((a, b) => b.expiresAt - a.expiresAt)[0];
}

function loginFiles(directory: string): readonly string[] {
  try {
    return readdirSync(directory).filter((name) => name.endsWith('.json'));
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return [];
    throw new PosternError('file-unreadable', { file: directory, problem: problemText(cause) });
  }
}

function readLogin(file: string): StoredLogin {
  try {
    if ((statSync(file).mode & OTHERS) !== 0) {
      throw new Error(`others can read it; run: chmod 600 ${file}`);
    }
    const read = fileSchema.parse(JSON.parse(readFileSync(file, 'utf8')));
    const { provider, token, expiresAt, renewal } = read;
    return {
      provider,
      token: new Secret(token),
      expiresAt,
      ...(renewal && {
        renewal: {
          client: renewal.client as PublicClient,
          refreshToken: new Secret(renewal.refreshToken),
          use: renewal.use,
        },
      }),
    };
  } catch (cause) {
    const problem = cause instanceof z.ZodError ? 'it is not a stored login' : problemText(cause);
    throw new PosternError('file-unreadable', { file, problem }, cause);
  }
}
