// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import { readSettings } from '../config/read.ts';
import { PosternError, problemText } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { CommandContext } from './command.ts';
import { freshLogin } from './login-renewal.ts';

export interface GatewayOptions {
  readonly config: string;
  readonly socket?: string;
  readonly tokenFile?: string;
}

/** What to do about an answer of the gateway, by HTTP status. */
const HINTS: Readonly<Record<number, string>> = {
  401: 'postern whoami tells what your token says and whether it is accepted.',
  403: 'A Grant on the built-in Target postern gives this: role auditor to see, operator to act.',
  404: 'postern sessions and postern ticket list show what there is.',
};
const CALL_TIMEOUT_MS = 15_000;
const LARGEST_ANSWER_BYTES = 64 << 20;

/** The options by which a command finds a running gateway and says who is asking. */
export function gatewayOptions(command: Command): Command {
  return command
    .option('--config <file>', 'settings of the gateway', 'postern.yaml')
    .option('--socket <path>', 'administration socket (default: from the settings)')
    .option('--token-file <file>', 'file with your token (default: $POSTERN_TOKEN, then login)');
}

/**
 * The caller's token: the file given, else $POSTERN_TOKEN, else what `postern login` kept, renewed
 * when it ends. Rejects with `usage` when there is none.
 */
export async function callerToken(
  context: CommandContext,
  tokenFile: string | undefined,
): Promise<Secret> {
  if (tokenFile !== undefined) {
    const file = resolve(context.cwd, tokenFile);
    try {
      return new Secret(readFileSync(file, 'utf8').trim());
    } catch (cause) {
      throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
    }
  }
  const fromEnvironment = context.env['POSTERN_TOKEN'];
  if (fromEnvironment) return new Secret(fromEnvironment.trim());
  const login = await freshLogin(context);
  if (login) return login.token;
  const problem = 'No token: give --token-file FILE, set POSTERN_TOKEN, or run postern login.';
  throw new PosternError('usage', { problem });
}

/** One call of the administration API. Throws `api-unreachable` or `api-refused`. */
export async function callGateway<Answer>(
  context: CommandContext,
  options: GatewayOptions,
  method: 'GET' | 'POST',
  path: string,
  body?: unknown,
): Promise<Answer> {
  const token = await callerToken(context, options.tokenFile);
  const socketPath = administrationSocket(context, options);
  const { status, text } = await call(socketPath, { method, path, body }, token);
  const answer = parse(text, socketPath) as Answer & { error?: string };
  if (status >= 200 && status < 300) return answer;
  const hint = HINTS[status];
  const problem = answer.error ?? `status ${status}`;
  throw new PosternError('api-refused', { problem, ...(hint && { hint }) });
}

function administrationSocket(context: CommandContext, options: GatewayOptions): string {
  if (options.socket !== undefined) return resolve(context.cwd, options.socket);
  const file = resolve(context.cwd, options.config);
  if (!existsSync(file)) {
    throw new PosternError('usage', {
      problem: `There is no ${options.config} here; give --socket PATH.`,
    });
  }
  return readSettings(file).settings.administration.socket;
}

function call(
  socketPath: string,
  asked: { readonly method: string; readonly path: string; readonly body: unknown },
  token: Secret,
): Promise<{ status: number; text: string }> {
  const { method, path, body } = asked;
  return new Promise((resolve, reject) => {
    const fail = (cause: unknown) =>
      reject(
        new PosternError(
          'api-unreachable',
          { address: socketPath, problem: problemText(cause) },
          cause,
        ),
      );
    const headers = { authorization: `Bearer ${token.reveal()}` };
    const sent = request(
      { socketPath, method, path, headers, timeout: CALL_TIMEOUT_MS },
      (answer) => {
        const chunks: Buffer[] = [];
        let bytes = 0;
        answer.on('data', (chunk: Buffer) => {
          bytes += chunk.length;
          if (bytes > LARGEST_ANSWER_BYTES) sent.destroy(new Error('the answer is too large'));
          else chunks.push(chunk);
        });
        answer.on('end', () =>
          resolve({ status: answer.statusCode ?? 0, text: Buffer.concat(chunks).toString() }),
        );
        answer.on('error', fail);
      },
    );
    sent.on('timeout', () => sent.destroy(new Error('no answer in time')));
    sent.on('error', fail);
    sent.end(body === undefined ? undefined : JSON.stringify(body));
  });
}

function parse(text: string, socketPath: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    const problem = 'the answer is not JSON; is this a socket of Postern?';
    throw new PosternError('api-unreachable', { address: socketPath, problem }, cause);
  }
}
