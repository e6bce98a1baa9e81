// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import type { Place } from '../../support/driver-world.ts';
import { repositoryFile } from '../../support/repository-file.ts';
import type { Results } from './operations.ts';

/** Where scripts/setup.sh unpacks packages when it may not install them. */
const DEBIAN_ROOT = process.env['POSTERN_DEBIAN_ROOT'] ?? '/';
const LIMIT_MS = 60_000;
const LARGE = 20 * 1024 * 1024;

/** PyMySQL, of Debian's Python. */
export async function runPymysql(place: Place): Promise<Results> {
  const script = repositoryFile('test/integration/drivers/pymysql-operations.py');
  const environment = { PYTHONPATH: `${DEBIAN_ROOT}/usr/lib/python3/dist-packages` };
  const output = await run('/usr/bin/python3', [script], JSON.stringify(place), environment);
  return JSON.parse(output) as Results;
}

/** MariaDB Connector/J: binary protocol with cursors. */
export async function runConnectorJ(place: Place): Promise<Results> {
  const jar = [DEBIAN_ROOT, '/']
    .map((root) => `${root}/usr/share/java/mariadb-java-client.jar`)
    .find((path) => existsSync(path));
  const script = repositoryFile('test/integration/drivers/connector-j-operations.java');
  const { host, port, user, password, caFile } = place;
  const input = `${[host, port, user, password, caFile ?? ''].join('\n')}\n`;
  // The file is compiled at each start: little optimisation makes that fast.
  const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', jar ?? '', script];
  const output = await run('java', flags, input);
  const features = output.trimEnd().split('\n');
  return Object.fromEntries(features.map((line) => line.split('\t', 2) as [string, string]));
}

/** By feature, as the command line sees it; each is one start of `mariadb` fed from a pipe. */
const COMMAND_LINE: Readonly<Record<string, string>> = {
  'every type': 'SELECT * FROM types ORDER BY id',
  'column details': 'SELECT 1 AS one, things.* FROM things LIMIT 0',
  'write and read': `INSERT INTO things (k, v) VALUES ('cli', '\u{1f600}');
SELECT v, LENGTH(v) FROM things WHERE k = 'cli'; UPDATE things SET v = 2 WHERE k = 'cli'`,
  'errors, goes on': `INSERT INTO things (id) VALUES (1); INSERT INTO things (id) VALUES (1);
SELECT nothing; SELECT 'still here'`,
  warnings: "INSERT IGNORE INTO things (k, n) VALUES ('w', 'x'); SHOW WARNINGS",
  'several results': 'CALL several(); CALL order_count()',
  transaction: 'BEGIN; DELETE FROM things WHERE TRUE; ROLLBACK; SELECT COUNT(*) FROM things',
  'use and describe': 'USE information_schema; USE shop; DESCRIBE things; SHOW COLUMNS FROM orders',
  'other delimiter': 'DELIMITER //\nSELECT ";" AS s//\nSELECT 3//\nDELIMITER ;\nSELECT 4',
  'session variables': 'SET @a = 1; SELECT @a',
  '100,000 rows': 'SELECT n, pad FROM numbers ORDER BY n',
  '20 MB statement': `SELECT LENGTH('${'x'.repeat(LARGE)}')`,
};

/** The `mariadb` command, with everything that it can be made to tell. */
export async function runCommandLine(place: Place): Promise<Results> {
  const results: Record<string, string> = {};
  const { host, port, user, password, caFile } = place;
  const flags = [
    '--no-defaults',
    '--protocol=tcp',
    `--host=${host}`,
    `--port=${port}`,
    `--user=${user}`,
    ...(caFile === undefined ? ['--skip-ssl'] : [`--ssl-ca=${caFile}`, '--ssl-verify-server-cert']),
    '--default-character-set=utf8mb4',
    '--max-allowed-packet=64M',
    '--database=shop',
    ...['--table', '--force', '--show-warnings', '--column-type-info', '--binary-as-hex'],
    ...['--unbuffered', '--comments', '-v', '-v'],
  ];
  for (const [feature, statements] of Object.entries(COMMAND_LINE)) {
    const environment = { MYSQL_PWD: password };
    results[feature] = await run('mariadb', flags, `${statements};\n`, environment, true);
  }
  return results;
}

function run(
  program: string,
  flags: readonly string[],
  input: string,
  environment: Readonly<Record<string, string>> = {},
  mayFail = false,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(program, flags, { env: { ...process.env, ...environment } });
    const limit = setTimeout(() => child.kill('SIGKILL'), LIMIT_MS);
    const output: Buffer[] = [];
    const errors: Buffer[] = [];
    child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
    child.on('error', reject);
    // A program that ends without reading everything is judged by what it printed.
    child.stdin.on('error', () => undefined);
    child.on('close', (code, signal) => {
      clearTimeout(limit);
      const problems = Buffer.concat(errors).toString();
      if (code === 0 || (mayFail && signal === null)) {
        resolve(Buffer.concat(output).toString() + problems);
      } else reject(new Error(`${program} ended with ${code ?? signal}: ${problems}`));
    });
    child.stdin.end(input);
  });
}
