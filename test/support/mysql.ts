// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { type MariadbOptions, type ServerKind, startServer, type TestMariadb } from './mariadb.ts';
import { asRoot, madeOnce } from './mariadb-template.ts';

/** Where scripts/setup.sh puts it. */
const UNPACKED = resolve('.cache/mysql/mysqld');
const program = process.env['POSTERN_MYSQLD'] ?? (existsSync(UNPACKED) ? UNPACKED : undefined);

/** For `describe`: false when there is a MySQL to start. */
export const noMysql = program === undefined ? 'MySQL could not be had' : false;

const FLAGS = [
  '--innodb-redo-log-capacity=8M',
  '--disable-log-bin',
  '--mysqlx=OFF',
  '--secure-file-priv=NULL',
  // The rest of it is memory for digests and histories that no test looks at.
  '--performance-schema-digests-size=0',
  '--performance-schema-max-digest-length=0',
  '--performance-schema-max-sql-text-length=0',
  ...(asRoot ? ['--user=root'] : []),
];

/** A private MySQL, as `startMariadb` starts a MariaDB. */
export function startMysql(options: MariadbOptions = {}): Promise<TestMariadb> {
  if (program === undefined) throw new Error(String(noMysql));
  return startServer(mysqlKind(program), options);
}

function mysqlKind(mysqld: string): ServerKind {
  return {
    program: mysqld,
    flags: FLAGS,
    environment: process.env,
    template: () =>
      madeOnce(`mysql ${run(mysqld, ['--version'])} ${FLAGS}`, '', (directory) =>
        run(mysqld, [...FLAGS, `--datadir=${directory}`, '--initialize-insecure']),
      ),
    firstStart: (password) => `ALTER USER root@localhost IDENTIFIED BY '${password}';
CREATE USER root@'127.0.0.1' IDENTIFIED BY '${password}';
GRANT ALL ON *.* TO root@'127.0.0.1' WITH GRANT OPTION;
`,
  };
}

function run(mysqld: string, flags: readonly string[]): string {
  const result = spawnSync(mysqld, flags, { encoding: 'utf8', timeout: 120_000 });
  if (result.error) throw result.error;
  if (result.status !== 0) throw new Error(`mysqld ended with ${result.status}\n${result.stderr}`);
  return result.stdout;
}
