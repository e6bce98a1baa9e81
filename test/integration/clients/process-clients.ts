// SPDX-License-Identifier: Apache-2.0
import { spawn, spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { repositoryFile } from '../../support/repository-file.ts';
import { ENDLESS, type FeaturePlace, type Outcomes } from './feature.ts';

const DEBIAN_ROOT = process.env['POSTERN_DEBIAN_ROOT'] ?? '/';
const LIMIT_MS = 60_000;

interface Ended {
  readonly output: string;
  readonly errors: string;
}

interface Start {
  readonly input?: string;
  readonly environment?: Readonly<Record<string, string>>;
  readonly cwd?: string;
  /** Sends SIGINT after so long. */
  readonly interruptMs?: number;
}

function run(program: string, flags: readonly string[], start: Start = {}): Promise<Ended> {
  return new Promise((resolve, reject) => {
    const env = { ...process.env, ...start.environment };
    const child = spawn(program, flags, {
      env,
      ...(start.cwd !== undefined && { cwd: start.cwd }),
    });
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    const interrupt =
      start.interruptMs === undefined
        ? undefined
        : setTimeout(() => child.kill('SIGINT'), start.interruptMs);
    let output = '';
    let errors = '';
    child.stdout.on('data', (chunk: Buffer) => {
      output += chunk.toString();
    });
    child.stderr.on('data', (chunk: Buffer) => {
      errors += chunk.toString();
    });
    child.on('error', reject);
    child.stdin.on('error', () => undefined);
    child.on('close', () => {
      clearTimeout(limit);
      clearTimeout(interrupt);
      resolve({ output, errors });
    });
    child.stdin.end(start.input ?? '');
  });
}

/** `feature<TAB>outcome` lines; a program that ends early has its complaint in front of all. */
function outcomes({ output, errors }: Ended): Outcomes {
  const lines = output.split('\n').filter((line) => line.includes('\t'));
  if (lines.length === 0) throw new Error(errors || 'it said nothing');
  return Object.fromEntries(lines.map((line) => line.split('\t', 2)));
}

const python =
  (driver: string, program: string, environment: Start['environment']) =>
  async (place: FeaturePlace): Promise<Outcomes> => {
    const script = repositoryFile('test/integration/clients/features.py');
    const start = { input: JSON.stringify(place), ...(environment && { environment }) };
    return outcomes(await run(program, [script, driver], start));
  };

export const pymysql = python('pymysql', '/usr/bin/python3', {
  PYTHONPATH: `${DEBIAN_ROOT}/usr/lib/python3/dist-packages`,
});

/** Clients that scripts/setup.sh fetches where it can; without them their rows are not checked. */
const FETCHED = repositoryFile('.cache/clients');
const connectorPython = `${FETCHED}/python`;
const goModule = `${FETCHED}/go`;

export const mysqlConnectorPython = existsSync(connectorPython)
  ? python('mysql.connector', 'python3', { PYTHONPATH: connectorPython })
  : undefined;

export const goSqlDriver = existsSync(`${goModule}/features`)
  ? async (place: FeaturePlace): Promise<Outcomes> =>
      outcomes(await run(`${goModule}/features`, [], { input: JSON.stringify(place) }))
  : undefined;

export async function connectorJ(place: FeaturePlace): Promise<Outcomes> {
  const jar = [DEBIAN_ROOT, '/']
    .map((root) => `${root}/usr/share/java/mariadb-java-client.jar`)
    .find((path) => existsSync(path));
  const script = repositoryFile('test/integration/clients/features.java');
  const { host, port, user, password, caFile, keyStore, file } = place;
  const lines = [host, port, user, password, caFile ?? '', keyStore ?? '', file];
  const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', jar ?? '', script];
  return outcomes(await run('java', flags, { input: `${lines.join('\n')}\n` }));
}

/** The `mariadb` command: one start per feature. */
export async function commandLine(place: FeaturePlace): Promise<Outcomes> {
  const { host, port, user, password, caFile, certFile, keyFile } = place;
  const identity = certFile && keyFile ? [`--ssl-cert=${certFile}`, `--ssl-key=${keyFile}`] : [];
  const flags = [
    ...['--no-defaults', '--protocol=tcp', '--batch', '--skip-column-names', '--database=shop'],
    ...[`--host=${host}`, `--port=${port}`, `--user=${user}`, '--local-infile=1'],
    ...(caFile ? [`--ssl-ca=${caFile}`, '--ssl-verify-server-cert', ...identity] : ['--skip-ssl']),
    ...['--default-character-set=utf8mb4', '--max-allowed-packet=64M'],
  ];
  const ask = (input: string, more: readonly string[] = [], start: Start = {}) =>
    run('mariadb', [...flags, ...more], { input, environment: { MYSQL_PWD: password }, ...start });
  const check = async (input: string, wanted: RegExp, more?: readonly string[], start?: Start) => {
    const { output, errors } = await ask(input, more, start);
    return wanted.test(output + errors) ? 'ok' : (output + errors).slice(0, 400);
  };
  const load = `LOAD DATA LOCAL INFILE '${place.file}' INTO TABLE things FIELDS TERMINATED BY ',' (k, v)`;
  return {
    text: await check("SELECT 1, 'a', NULL;", /^1\ta\tNULL\n$/),
    'several results': await check('CALL several();', /^1\n1\tfirst\n2\tsecond\n$/),
    transactions: await check(
      "BEGIN; INSERT INTO things (k) VALUES ('gone'); ROLLBACK; SELECT COUNT(*) FROM things WHERE k = 'gone';",
      /^0\n$/,
    ),
    'character sets': await check(
      "SELECT HEX('\u20ac'); SET NAMES latin1; SELECT @@character_set_client;",
      /^E282AC\nlatin1\n$/,
    ),
    'over 16 MB': await check(`SELECT LENGTH('${'x'.repeat(20 << 20)}');`, /^20971520\n$/),
    cancel: await check(`${ENDLESS};`, /interrupted|session-killed|killed/i, [], {
      interruptMs: 700,
    }),
    'LOCAL INFILE': await check(`${load}; SELECT ROW_COUNT();`, /^2\n$/),
    compression: await check(
      `SELECT LENGTH(REPEAT('z', 100000)), LENGTH('${'y'.repeat(200_000)}'); SELECT REPEAT('z', 100000);`,
      /^100000\t200000\nz{100000}\n$/,
      ['--compress'],
    ),
  };
}

/** What is missing to check the rows of fetched clients, said once. */
export function missingClients(): readonly string[] {
  return [
    ...(mysqlConnectorPython ? [] : ['MySQL Connector/Python']),
    ...(goSqlDriver ? [] : ['go-sql-driver']),
  ];
}

export function keyStoreOf(certFile: string, keyFile: string, keyStore: string): void {
  const files = ['-in', certFile, '-inkey', keyFile, '-out', keyStore];
  const made = spawnSync('openssl', ['pkcs12', '-export', ...files, '-passout', 'pass:keys']);
  if (made.status !== 0) throw new Error(made.stderr.toString());
}
