// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { systemClock } from '../../model/clock.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { silentLog } from '../../model/log.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { callerToken } from '../gateway-call.ts';

interface ConnectOptions {
  readonly gateway: string;
  readonly ca: string;
  readonly serverName?: string;
  readonly port?: string;
  readonly tokenFile?: string;
  readonly json?: boolean;
}

const LOGIN_DEADLINE_MS = 15_000;
/** Clients that understand the MySQL command-line options. */
const NATIVE_CLIENTS = /(^|\/)(mariadb|mysql|mariadb-dump|mysqldump|mariadb-admin|mysqladmin)$/;

export const registerConnect: RegisterCommand = (program, context, run) => {
  program
    .command('connect <name> [command...]')
    .description('a stable local port to a target, logged in with your token')
    .requiredOption('--gateway <host:port>', 'listener of the gateway for this target')
    .requiredOption('--ca <file>', 'PEM root that vouches for the gateway')
    .option('--server-name <name>', 'name in the certificate of the gateway')
    .option('--port <port>', 'local port (default: any free one)')
    .option('--token-file <file>', 'file with your token (default: $POSTERN_TOKEN, then login)')
    .option('--json', 'print where it listens as JSON')
    .addHelpText(
      'after',
      `
Without a command the port stays open until Ctrl-C. With one, the command is run
against the port and its exit code is passed on:
  postern connect orders --gateway db.example:3306 --ca ca.pem -- mariadb shop`,
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
  const { openLocalPort } = await import('../../app/local-port.ts');
  const local = await openLocalPort({
    port: portNumber(options.port ?? '0'),
    gateway: {
      targetName: name,
      endpoint: endpoint(options.gateway),
      tls: {
        mode: 'verified',
        ca: readText(resolve(context.cwd, options.ca)),
        ...(options.serverName !== undefined && { serverName: options.serverName }),
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
  if (command.length > 0) {
    const code = await runCommand(command, local.port, context);
    local.close();
    return code;
  }
  if (options.json) context.out(JSON.stringify({ host: '127.0.0.1', port: local.port }));
  else {
    context.out(`${name} is at 127.0.0.1:${local.port} until Ctrl-C; no password is needed.`);
    context.out(`  mariadb --host=127.0.0.1 --port=${local.port} --skip-ssl`);
  }
  await new Promise<void>((stopped) => {
    process.once('SIGINT', () => stopped());
    process.once('SIGTERM', () => stopped());
  });
  local.close();
  return 0;
}

/** Runs the client with its input and output; its code is passed on as far as ours reach. */
function runCommand(
  [program = '', ...given]: readonly string[],
  port: number,
  context: CommandContext,
): Promise<ExitCode> {
  const own = NATIVE_CLIENTS.test(program)
    ? ['--host=127.0.0.1', `--port=${port}`, '--protocol=TCP']
    : [];
  const env = { ...context.env, POSTERN_HOST: '127.0.0.1', POSTERN_PORT: String(port) };
  return new Promise((done, reject) => {
    const child = spawn(program, [...own, ...given], { stdio: 'inherit', env, cwd: context.cwd });
    child.once('error', (cause) =>
      reject(
        new PosternError('requirement-missing', {
          requirement: program,
          remedy: problemText(cause),
        }),
      ),
    );
    child.once('close', (code) => done(code === 0 ? 0 : 1));
  });
}

function endpoint(text: string): { host: string; port: number } {
  const found = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (!found) {
    throw new PosternError('usage', { problem: `"${text}" is not host:port` });
  }
  return { host: found[1] ?? found[2] ?? '', port: portNumber(found[3] ?? '') };
}

function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new PosternError('usage', { problem: `"${text}" is not a port` });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
  }
}
