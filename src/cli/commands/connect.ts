// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';
import type { LocalPort } from '../../app/local-port.ts';
import { readClientPlace, saveClientPlace } from '../../config/client-profile.ts';
import { systemClock } from '../../model/clock.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { silentLog } from '../../model/log.ts';
import { loadPolicy } from '../../policy/load.ts';
import { endpoint, portNumber } from '../address.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { declarationAtHand } from '../declaration.ts';
import { callerToken } from '../gateway-call.ts';
import { runProgram } from '../run-program.ts';

interface ConnectOptions {
  readonly gateway?: string;
  readonly ca?: string;
  readonly serverName?: string;
  readonly port?: string;
  readonly tokenFile?: string;
  readonly policy?: string;
  readonly save?: boolean;
  readonly json?: boolean;
}

const LOGIN_DEADLINE_MS = 15_000;
/** Clients that understand the MySQL command-line options. */
const NATIVE_CLIENTS = /(^|\/)(mariadb|mysql|mariadb-dump|mysqldump|mariadb-admin|mysqladmin)$/;

export const registerConnect: RegisterCommand = (program, context, run) => {
  program
    .command('connect <name> [command...]')
    .description('a stable local port to a target, logged in with your token')
    .option('--gateway <host:port>', 'listener of the gateway for it (default: $POSTERN_GATEWAY)')
    .option('--ca <file>', 'PEM root that vouches for the gateway (default: $POSTERN_CA)')
    .option('--server-name <name>', 'name in the certificate of the gateway')
    .option('--port <port>', 'local port (default: localPort of the Target, else a free one)')
    .option('--policy <path>', 'declaration with the Target (default: as for check, if any)')
    .option('--token-file <file>', 'file with your token (default: $POSTERN_TOKEN, then login)')
    .option('--save', 'keep --gateway, --ca, --server-name and --port for the next time')
    .option('--json', 'print where it listens as JSON')
    .addHelpText(
      'after',
      `
Without a command the port stays open until Ctrl-C. With one, the command is run
against a port of its own and its exit code is passed on:

  postern connect orders --gateway db.example:3306 --ca ca.pem --save -- mariadb shop
  postern connect orders -- mariadb shop

What is not given is taken from the environment, then from what --save kept in
$XDG_CONFIG_HOME/postern/connect.yaml (~/.config/postern/connect.yaml).

The command finds the port in $POSTERN_HOST and $POSTERN_PORT; mariadb, mysql, their
dump and admin tools get it as options. The port is on 127.0.0.1 only, without TLS;
whoever can reach it acts as you. The token is asked for at each connection, so one
that is renewed in its file counts from then on.
Exit code: that of the command; 1 the gateway refused, 2 usage, 3 network or files.`,
    )
    .action((name: string, command: string[], options: ConnectOptions) =>
      run(() => connect(name, command, options, context)),
    );
};

async function connect(
  name: string,
  command: readonly string[],
  options: ConnectOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const profile = profileFile(context);
  const kept = readClientPlace(profile, name);
  const gateway = given('--gateway', options.gateway, 'POSTERN_GATEWAY', kept.gateway, context);
  const ca = given('--ca', options.ca, 'POSTERN_CA', kept.ca, context);
  const serverName = options.serverName ?? kept.serverName;
  const port = options.port === undefined ? undefined : portNumber(options.port);
  const stable = command.length === 0;
  const { openLocalPort } = await import('../../app/local-port.ts');
  const local = await openLocalPort({
    port:
      port ?? (stable ? kept.port : undefined) ?? (await localPort(name, stable, options, context)),
    gateway: {
      targetName: name,
      endpoint: endpoint(gateway),
      tls: {
        mode: 'verified',
        ca: readText(resolve(context.cwd, ca)),
        ...(serverName !== undefined && { serverName }),
      },
    },
    token: () => callerToken(context, options.tokenFile),
    clock: systemClock,
    log: {
      ...silentLog,
      warn: (message, fields) => context.err(`${message}: ${fields?.['problem']}`),
    },
    deadlineMs: LOGIN_DEADLINE_MS,
  });
  try {
    // Only now: what led nowhere is not worth keeping.
    if (options.save) {
      const stablePort = port ?? kept.port;
      saveClientPlace(profile, name, {
        gateway,
        ca: resolve(context.cwd, ca),
        ...(serverName !== undefined && { serverName }),
        ...(stablePort !== undefined && { port: stablePort }),
      });
      context.err(`Kept for ${name} in ${profile}.`);
    }
    if (command.length > 0) return await runOn(local, command, context);
    say(name, local, options, context);
    await new Promise<void>((stopped) => {
      process.once('SIGINT', () => stopped());
      process.once('SIGTERM', () => stopped());
    });
    return 0;
  } finally {
    local.close();
  }
}

function say(
  name: string,
  { port }: LocalPort,
  options: ConnectOptions,
  context: CommandContext,
): void {
  if (options.json) {
    context.out(JSON.stringify({ host: '127.0.0.1', port }));
    return;
  }
  context.out(`${name} is at 127.0.0.1:${port} until Ctrl-C; no password is needed.`);
  context.out(`  mariadb --host=127.0.0.1 --port=${port} --skip-ssl`);
}

function runOn(
  { port }: LocalPort,
  [program = '', ...words]: readonly string[],
  context: CommandContext,
): Promise<ExitCode> {
  const own = NATIVE_CLIENTS.test(program)
    ? ['--host=127.0.0.1', `--port=${port}`, '--protocol=TCP']
    : [];
  const where = { POSTERN_HOST: '127.0.0.1', POSTERN_PORT: String(port) };
  return runProgram([program, ...own, ...words], where, context);
}

function given(
  option: string,
  value: string | undefined,
  variable: string,
  kept: string | undefined,
  { env }: CommandContext,
): string {
  const found = value ?? (env[variable] || kept);
  if (found) return found;
  throw new PosternError('usage', {
    problem: `Give ${option}, or set ${variable}; --save keeps it for the next time.`,
  });
}

function profileFile({ env }: CommandContext): string {
  const home = env['HOME'] ?? homedir();
  return join(env['XDG_CONFIG_HOME'] || join(home, '.config'), 'postern', 'connect.yaml');
}

/** 0 takes any free port: several commands at once must not meet on the declared one. */
async function localPort(
  name: string,
  stable: boolean,
  options: Pick<ConnectOptions, 'policy'>,
  context: CommandContext,
): Promise<number> {
  const paths = options.policy === undefined ? declarationAtHand(context) : [options.policy];
  if (!stable || !paths) return 0;
  const { policy } = await loadPolicy(paths, { cwd: context.cwd });
  if (!policy) {
    context.err('The declaration here has faults (postern check), so a free port is taken.');
    return 0;
  }
  const named = [...policy.targets.values()].filter(
    (target) => target.id === name || target.name === name,
  );
  const ports = new Set(named.map(({ expose }) => expose.localPort));
  return ports.size === 1 ? ([...ports][0] ?? 0) : 0;
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
  }
}
