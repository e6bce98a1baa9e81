// SPDX-License-Identifier: Apache-2.0
import { closeSync, openSync, rmSync, statSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import { parseToken } from '../identity/unverified-token.ts';
import { systemClock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { CommandContext } from './command.ts';
import { loginFile, type StoredLogin, saveLogin, storedLogin } from './login-store.ts';

/** A token that ends sooner is renewed: a login with it must still have time to happen. */
const MARGIN_MS = 60_000;
/** Another process that renews takes no longer; one that died there leaves its lock behind. */
const LOCK_STALE_MS = 30_000;
const LOCK_LOOK_MS = 100;

const renewing = new Map<string, Promise<StoredLogin>>();

/**
 * What `postern login` kept, renewed when it is about to end; undefined when there is nothing.
 * Rejects with `usage` when it has ended and cannot be renewed.
 */
export async function freshLogin(
  context: CommandContext,
  provider?: string,
): Promise<StoredLogin | undefined> {
  const login = storedLogin(context, provider);
  if (!login || isFresh(login)) return login;
  const file = loginFile(context, login.provider);
  // A refresh token may be good for one use: connections that begin together share it.
  const renewal = renewing.get(file) ?? renewed(context, login);
  renewing.set(file, renewal);
  try {
    return await renewal;
  } finally {
    renewing.delete(file);
  }
}

async function renewed(context: CommandContext, login: StoredLogin): Promise<StoredLogin> {
  if (!login.renewal) return stillGood(login);
  const lock = `${loginFile(context, login.provider)}.lock`;
  await acquire(lock);
  try {
    // Another process may have done it while this one waited.
    const current = storedLogin(context, login.provider) ?? login;
    if (isFresh(current)) return current;
    const next = await renew(current);
    saveLogin(context, next);
    return next;
  } catch (cause) {
    return stillGood(login, cause);
  } finally {
    rmSync(lock, { force: true });
  }
}

async function renew(login: StoredLogin): Promise<StoredLogin> {
  const { renewal } = login;
  if (!renewal) throw new Error('no refresh token is kept');
  // Only here: other commands have no need of an OAuth client in their memory.
  const { refreshLogin } = await import('../identity/device-login.ts');
  const { client, refreshToken, use } = renewal;
  const given = await refreshLogin(client, refreshToken);
  const text = given.tokens.find((one) => one.use === use)?.text;
  if (text === undefined) throw new Error(`the provider gave no ${use} token`);
  const parsed = parseToken(text);
  const ends = parsed.ok ? Number(parsed.token.claims['exp']) * 1_000 : Number.NaN;
  if (Number.isNaN(ends)) throw new Error('the provider gave a token that is none');
  return {
    ...login,
    token: new Secret(text),
    expiresAt: ends,
    renewal: { ...renewal, refreshToken: given.refreshToken ?? refreshToken },
  };
}

function isFresh({ expiresAt }: StoredLogin): boolean {
  return expiresAt > systemClock.now() + MARGIN_MS;
}

/** In its last minute a token is used as it is when there is no other. */
function stillGood(login: StoredLogin, cause?: unknown): StoredLogin {
  if (login.expiresAt > systemClock.now()) return login;
  const why = cause === undefined ? '' : ` and was not renewed: ${reasonOf(cause)}`;
  const problem = `The token of ${login.provider} has ended${why}; run postern login again.`;
  throw new PosternError('usage', { problem }, cause);
}

function reasonOf(cause: unknown): string {
  return problemText(cause instanceof Error ? (cause.cause ?? cause) : cause);
}

async function acquire(lock: string): Promise<void> {
  for (;;) {
    try {
      closeSync(openSync(lock, 'wx', 0o600));
      return;
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
        throw new PosternError(
          'file-unwritable',
          { file: lock, problem: problemText(cause) },
          cause,
        );
      }
      const since = statSync(lock, { throwIfNoEntry: false })?.mtimeMs ?? 0;
      if (systemClock.now() - since > LOCK_STALE_MS) rmSync(lock, { force: true });
      else await pause(LOCK_LOOK_MS);
    }
  }
}
