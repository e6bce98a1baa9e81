// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Administrator } from '../app/target-connection.ts';
import { type ErrorCode, PosternError, problemText } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { Policy, Target } from '../policy/policy.ts';
import { collect, targetNamed } from './asking.ts';
import type { CommandContext } from './command.ts';

/** Each value may be for one Target, as `orders=VALUE`, or for all. */
export interface AdministratorOptions {
  readonly adminUser?: readonly string[];
  readonly adminPasswordFile?: readonly string[];
  readonly socket?: readonly string[];
  readonly host?: readonly string[];
  readonly port?: readonly string[];
}

export const ADMINISTRATOR_HELP = `Each of the options for administrators takes TARGET=VALUE too, and is then for that Target alone:
  --admin-user root --socket orders=/run/mysqld/mysqld.sock --host ledger=10.0.0.7`;

export function administratorOptions(command: Command): Command {
  return command
    .option(
      '--admin-user <name>',
      'account with the rights of root on the database (default: root)',
      collect,
    )
    .option(
      '--admin-password-file <file>',
      'its password (default: $POSTERN_ADMIN_PASSWORD, none)',
      collect,
    )
    .option('--socket <path>', 'Unix socket of the database', collect)
    .option('--host <name>', 'its address (default: its first Primary endpoint)', collect)
    .option('--port <number>', 'its port', collect);
}

const DEFAULT_USER = 'root';
const HINTS: Partial<Record<ErrorCode, string>> = {
  'target-refused':
    'Name the account with --admin-user and its password with --admin-password-file or\n$POSTERN_ADMIN_PASSWORD; on the database host root often needs only --socket PATH.',
  'target-unreachable':
    'The endpoint of the Target is used; --host and --port, or --socket, name another way.',
  'tls-failed': 'Check tls.ca and tls.serverName of the Target; --socket needs no TLS.',
};
/** Access denied, in the ways a server says it. */
const DENIED_ERRNOS = new Set([1044, 1142, 1143, 1227, 1370]);
const RIGHTS_HINT = 'The account needs the rights of root on the database.';

/** Throws `usage` or `file-unreadable`. */
export function administratorOf(
  target: Target,
  options: AdministratorOptions,
  policy: Policy,
  context: CommandContext,
): Administrator {
  const chosen = (values: readonly string[] | undefined) => valueFor(target, values, policy);
  const file = chosen(options.adminPasswordFile);
  return {
    user: chosen(options.adminUser) ?? DEFAULT_USER,
    password:
      file === undefined
        ? new Secret(context.env['POSTERN_ADMIN_PASSWORD'] ?? '')
        : passwordIn(resolve(context.cwd, file)),
    endpoint: endpointOf(target, {
      socket: chosen(options.socket),
      host: chosen(options.host),
      port: chosen(options.port),
      cwd: context.cwd,
    }),
  };
}

/**
 * Who looks at a Target: an administrator who was named; else the declared reader, which is
 * undefined; else an administrator whose password is known. Throws as `administratorOf` does.
 */
export function lookerAt(
  target: Target,
  options: AdministratorOptions,
  policy: Policy,
  context: CommandContext,
): Administrator | undefined {
  const { system } = target;
  const hasReader = system.type === 'mariadb' && system.reader !== undefined;
  const isKnown = !hasReader && context.env['POSTERN_ADMIN_PASSWORD'] !== undefined;
  if (!isKnown && !namesAdministrator(target, options, policy)) return undefined;
  return administratorOf(target, options, policy, context);
}

/** Whether anything was said about an administrator of this Target. */
function namesAdministrator(
  target: Target,
  options: AdministratorOptions,
  policy: Policy,
): boolean {
  const { adminUser, adminPasswordFile, socket, host, port } = options;
  return [adminUser, adminPasswordFile, socket, host, port].some(
    (values) => valueFor(target, values, policy) !== undefined,
  );
}

/** The last value for the Target itself, else the last for all. Throws `usage` for a stranger. */
function valueFor(
  target: Target,
  values: readonly string[] = [],
  policy: Policy,
): string | undefined {
  let [own, shared]: (string | undefined)[] = [];
  for (const value of values) {
    const at = value.indexOf('=');
    if (at < 0) shared = value;
    else if (targetNamed(value.slice(0, at), policy).id === target.id) own = value.slice(at + 1);
  }
  return own ?? shared;
}

function passwordIn(file: string): Secret {
  try {
    return new Secret(readFileSync(file, 'utf8').replace(/\r?\n$/, ''));
  } catch (cause) {
    throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
  }
}

interface Place {
  readonly socket: string | undefined;
  readonly host: string | undefined;
  readonly port: string | undefined;
  readonly cwd: string;
}

function endpointOf(target: Target, { socket, host, port, cwd }: Place): Administrator['endpoint'] {
  if (socket !== undefined) {
    if (host !== undefined || port !== undefined) {
      throw new PosternError('usage', { problem: 'Give either --socket or --host and --port.' });
    }
    return { socketPath: resolve(cwd, socket) };
  }
  const endpoints = 'endpoints' in target.system ? target.system.endpoints : [];
  const declared = endpoints.find(({ role }) => role === 'Primary') ?? endpoints[0];
  const number = port === undefined ? (declared?.port ?? 3306) : Number(port);
  if (!Number.isInteger(number) || number < 1 || number > 65_535) {
    throw new PosternError('usage', { problem: `"${port}" is not a port.` });
  }
  return { host: host ?? declared?.host ?? '127.0.0.1', port: number };
}

/** What to do about what kept a layer from being looked at, as lines. */
export function hintLines(problem: PosternError): readonly string[] {
  const { hint } = withAdministratorHint(problem).facts;
  return hint === undefined ? [] : String(hint).split('\n');
}

/** Tells what to do about a login or a statement of an administrator that failed. */
export function withAdministratorHint(error: PosternError): PosternError {
  if (error.facts['hint'] !== undefined) return error;
  const denied = error.code === 'target-error' && DENIED_ERRNOS.has(Number(error.facts['errno']));
  const hint = denied ? RIGHTS_HINT : HINTS[error.code];
  return hint ? new PosternError(error.code, { ...error.facts, hint }, error.cause) : error;
}
