// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createConnection } from 'mysql2/promise';
import { freePort } from './free-port.ts';
import { asRoot, mariadbEnvironment, mariadbTemplate } from './mariadb-template.ts';

export interface MariadbOptions {
  /** Every statement is kept and readable with `readGeneralLog()`. */
  readonly generalLog?: boolean;
  readonly tls?: { readonly caPem: string; readonly certPem: string; readonly keyPem: string };
  /** Refuses TCP without TLS (require_secure_transport). */
  readonly requireTls?: boolean;
  /** Server variables by option name, e.g. `{'max-connections': '500'}`. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Keep the `test` schema and its grants to everybody, as a stock installation has them. */
  readonly stockTestDatabase?: boolean;
  /** Root of an unpacked MariaDB (its `usr` folder) instead of $POSTERN_MARIADB_BASEDIR or PATH. */
  readonly basedir?: string;
}

export interface GeneralLogEntry {
  readonly connectionId: number;
  /** `user[user] @ host [address]` as the server writes it. */
  readonly userHost: string;
  /** `Connect`, `Query`, `Prepare`, `Execute`, `Quit`, ... */
  readonly command: string;
  readonly argument: string;
}

export type Row = Record<string, unknown>;

/** A private MariaDB on 127.0.0.1, in a temporary directory, gone when this process ends. */
export interface TestMariadb {
  readonly port: number;
  readonly socketPath: string;
  readonly dataDirectory: string;
  /** For `root`@`localhost` (socket) and `root`@`127.0.0.1`. */
  readonly rootPassword: string;
  /** Runs one or several statements as root over the socket; the rows of the last result set. */
  rootQuery(sql: string): Promise<Row[]>;
  /** In order, without what `rootQuery` and this call itself did. Needs `generalLog`. */
  readGeneralLog(): Promise<GeneralLogEntry[]>;
  /** What the server wrote to its error log. */
  errorLog(): string;
  /** Stops cleanly and removes the directory. */
  stop(): Promise<void>;
  /** SIGKILL; `restart()` brings it back on the same port with its data. */
  kill9(): Promise<void>;
  restart(): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  pause(): void;
  resume(): void;
}

const START_LIMIT_MS = 30_000;
const STOP_LIMIT_MS = 15_000;
const ERROR_LOG_LIMIT = 256 * 1024;

/** What differs between the servers that can be started. */
export interface ServerKind {
  readonly program: string;
  readonly flags: readonly string[];
  readonly environment: NodeJS.ProcessEnv;
  /** A data directory to copy. */
  template(): string;
  /** Gives root of the template a password, before TCP is served. */
  firstStart(password: string): string;
}

function mariadbKind({ basedir, stockTestDatabase }: MariadbOptions): ServerKind {
  return {
    program: 'mariadbd',
    flags: [
      '--no-defaults',
      '--innodb-log-file-size=16M',
      ...(basedir ? [`--basedir=${basedir}`] : []),
    ],
    environment: mariadbEnvironment(basedir),
    template: () => mariadbTemplate(basedir, stockTestDatabase ?? false),
    firstStart: (password) => `CREATE OR REPLACE USER root@localhost IDENTIFIED BY '${password}';
GRANT ALL ON *.* TO root@localhost WITH GRANT OPTION;
CREATE OR REPLACE USER root@'127.0.0.1' IDENTIFIED BY '${password}';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
DELETE FROM mysql.global_priv WHERE User = 'root' AND Host NOT IN ('localhost', '127.0.0.1');
FLUSH PRIVILEGES;
`,
  };
}

export function startMariadb(given: MariadbOptions = {}): Promise<TestMariadb> {
  // Set by scripts/setup.sh where MariaDB was unpacked and not installed.
  const unpacked = process.env['POSTERN_MARIADB_BASEDIR'];
  const options = unpacked === undefined ? given : { basedir: unpacked, ...given };
  return startServer(mariadbKind(options), options);
}

export async function startServer(kind: ServerKind, options: MariadbOptions): Promise<TestMariadb> {
  const template = kind.template();
  // Unix socket paths are limited to 107 bytes, so the directory stays near the root of tmp.
  const directory = mkdtempSync(join(tmpdir(), 'postern-db-'));
  cpSync(template, join(directory, 'data'), { recursive: true });
  for (let attempt = 1; ; attempt += 1) {
    const server = new ServerProcess(kind, directory, await freePort(), options);
    try {
      await server.setRootPassword();
      return server;
    } catch (error) {
      await server.kill9();
      const portTaken = /Address already in use/.test(server.errorLog());
      if (portTaken && attempt < 3) continue;
      rmSync(directory, { recursive: true, force: true });
      throw error;
    }
  }
}

const running = new Set<ServerProcess>();

class ServerProcess implements TestMariadb {
  readonly port: number;
  readonly socketPath: string;
  readonly dataDirectory: string;
  readonly rootPassword = randomBytes(16).toString('hex');
  readonly #kind: ServerKind;
  readonly #directory: string;
  readonly #options: MariadbOptions;
  #child: ChildProcess | undefined;
  #errorLog = '';

  constructor(kind: ServerKind, directory: string, port: number, options: MariadbOptions) {
    this.#kind = kind;
    this.#directory = directory;
    this.#options = options;
    this.port = port;
    this.socketPath = join(directory, 'mariadb.sock');
    this.dataDirectory = join(directory, 'data');
  }

  /** First start: the template's root has no password, so it is set before TCP is served. */
  async setRootPassword(): Promise<void> {
    const file = join(this.#directory, 'first-start.sql');
    writeFileSync(file, this.#kind.firstStart(this.rootPassword), { mode: 0o600 });
    await this.#start([`--init-file=${file}`]);
    rmSync(file);
  }

  async #start(extra: readonly string[] = []): Promise<void> {
    const { program, environment: env } = this.#kind;
    const child = spawn(program, [...this.#arguments(), ...extra], {
      stdio: ['ignore', 'ignore', 'pipe'],
      env,
    });
    this.#child = child;
    running.add(this);
    // A test that fails before stop() must end all the same; `exit` cleans up after it.
    child.unref();
    (child.stderr as Socket).unref();
    await new Promise<void>((resolve, reject) => {
      const fail = (why: string) => {
        clearTimeout(limit);
        reject(new Error(`${program} ${why}\n${this.#errorLog}`));
      };
      const limit = setTimeout(() => fail('did not get ready in time'), START_LIMIT_MS);
      child.once('error', (error) => fail(`cannot be started: ${error.message}`));
      child.once('exit', (code) => fail(`ended with ${code}`));
      // Each start prints this once; the log of an earlier start must not count.
      let output = '';
      child.stderr?.setEncoding('utf8').on('data', (text: string) => {
        this.#errorLog = (this.#errorLog + text).slice(-ERROR_LOG_LIMIT);
        output = (output + text).slice(-ERROR_LOG_LIMIT);
        if (!output.includes('ready for connections')) return;
        clearTimeout(limit);
        resolve();
      });
    });
  }

  #arguments(): string[] {
    const { generalLog, requireTls, tls, variables } = this.#options;
    const flags = [
      ...this.#kind.flags,
      `--datadir=${this.dataDirectory}`,
      `--socket=${this.socketPath}`,
      // A server that starts deletes temporary tables it finds there, also those of its neighbours.
      `--tmpdir=${this.#directory}`,
      `--port=${this.port}`,
      '--bind-address=127.0.0.1',
      '--skip-name-resolve',
      '--innodb-buffer-pool-size=64M',
      '--innodb-flush-log-at-trx-commit=2',
    ];
    if (asRoot) flags.push('--user=root');
    if (generalLog) flags.push('--general-log=1', '--log-output=TABLE');
    if (requireTls) flags.push('--require-secure-transport=ON');
    if (tls) {
      for (const [name, pem] of [
        ['ca', tls.caPem],
        ['cert', tls.certPem],
        ['key', tls.keyPem],
      ] as const) {
        const file = join(this.#directory, `tls-${name}.pem`);
        writeFileSync(file, pem, { mode: 0o600 });
        flags.push(`--ssl-${name}=${file}`);
      }
    }
    for (const [name, value] of Object.entries(variables ?? {})) flags.push(`--${name}=${value}`);
    return flags;
  }

  async rootQuery(sql: string): Promise<Row[]> {
    const connection = await createConnection({
      socketPath: this.socketPath,
      user: 'root',
      password: this.rootPassword,
      multipleStatements: true,
      supportBigNumbers: true,
      dateStrings: true,
    });
    try {
      const [result] = await connection.query(sql);
      return lastRows(result);
    } finally {
      await connection.end();
    }
  }

  async readGeneralLog(): Promise<GeneralLogEntry[]> {
    const rows = await this.rootQuery(
      'SELECT thread_id, user_host, command_type, argument FROM mysql.general_log',
    );
    const ours = new Set(
      rows
        .filter((row) => row.command_type === 'Connect')
        .filter((row) => /^root@localhost .* using Socket$/.test(String(row.argument)))
        .map((row) => row.thread_id),
    );
    return rows
      .filter((row) => !ours.has(row.thread_id))
      .map((row) => ({
        connectionId: Number(row.thread_id),
        userHost: String(row.user_host),
        command: String(row.command_type),
        argument: String(row.argument),
      }));
  }

  errorLog(): string {
    return this.#errorLog;
  }

  async stop(): Promise<void> {
    await this.#end('SIGTERM');
    running.delete(this);
    rmSync(this.#directory, { recursive: true, force: true });
  }

  async kill9(): Promise<void> {
    await this.#end('SIGKILL');
  }

  async restart(): Promise<void> {
    await this.#end('SIGTERM');
    await this.#start();
  }

  pause(): void {
    this.#child?.kill('SIGSTOP');
  }

  resume(): void {
    this.#child?.kill('SIGCONT');
  }

  async #end(signal: 'SIGTERM' | 'SIGKILL'): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (!child || child.exitCode !== null || child.signalCode !== null) return;
    const gone = once(child, 'exit');
    // A stopped process does not act on SIGTERM until it continues.
    child.kill('SIGCONT');
    child.kill(signal);
    const limit = setTimeout(() => child.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    clearTimeout(limit);
  }

  /** For the end of this process, where nothing can be awaited. */
  abandon(): void {
    this.#child?.kill('SIGKILL');
    rmSync(this.#directory, { recursive: true, force: true, maxRetries: 3 });
  }
}

function abandonAll(): void {
  for (const server of running) server.abandon();
  running.clear();
}

process.on('exit', abandonAll);
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    // Somebody else handles the signal (the demo stops things in order): leave it to them.
    if (process.listenerCount(signal) > 0) return;
    abandonAll();
    process.kill(process.pid, signal);
  });
}

/** mysql2 gives rows, a header, or a list of those when several statements ran. */
function lastRows(result: unknown): Row[] {
  if (!Array.isArray(result)) return [];
  const nested = result.findLast((part) => Array.isArray(part));
  if (nested) return nested as Row[];
  return result.filter((row) => row?.constructor?.name !== 'ResultSetHeader') as Row[];
}
