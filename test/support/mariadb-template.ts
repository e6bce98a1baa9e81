// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export const asRoot = process.getuid?.() === 0;

/**
 * A freshly installed data directory to copy from, made once per machine, user and server version
 * (installing takes longer than copying). Throws when MariaDB is not there.
 */
export function mariadbTemplate(basedir: string | undefined, stockTestDatabase: boolean): string {
  const version = run(basedir, 'mariadbd', ['--no-defaults', '--version']);
  return madeOnce(`${version} ${basedir ?? ''}`, stockTestDatabase ? '-stock' : '', (directory) => {
    const flags = [
      '--no-defaults',
      `--datadir=${directory}`,
      '--auth-root-authentication-method=normal',
      '--innodb-log-file-size=16M',
      '--skip-name-resolve',
    ];
    if (!stockTestDatabase) flags.push('--skip-test-db');
    if (asRoot) flags.push('--user=root');
    if (basedir) flags.push(`--basedir=${basedir}`);
    run(basedir, 'mariadb-install-db', flags);
  });
}

/** The directory that `make` fills, once per machine and user for what `version` says. */
export function madeOnce(
  version: string,
  suffix: string,
  make: (directory: string) => void,
): string {
  const key = createHash('sha256').update(`1 ${version}`).digest('hex').slice(0, 12);
  const home = privateDirectory(join(tmpdir(), `postern-mariadb-${process.getuid?.() ?? 'user'}`));
  const template = join(home, `${key}${suffix}`);
  if (existsSync(template)) return template;

  const building = mkdtempSync(join(home, 'building-'));
  make(building);
  try {
    renameSync(building, template);
  } catch (error) {
    // Another process was faster; its template is as good.
    rmSync(building, { recursive: true, force: true });
    if (!existsSync(template)) throw error;
  }
  return template;
}

/** tmp belongs to everybody: a directory somebody else put there must not become our database. */
function privateDirectory(path: string): string {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  const found = lstatSync(path);
  if (!found.isDirectory() || (process.getuid && found.uid !== process.getuid())) {
    throw new Error(`${path} belongs to somebody else; remove it`);
  }
  chmodSync(path, 0o700);
  return path;
}

/** Where MariaDB's programs are found: an unpacked copy first, then PATH and the sbin folders. */
export function mariadbEnvironment(basedir: string | undefined): NodeJS.ProcessEnv {
  const unpacked = basedir ? [join(basedir, 'sbin'), join(basedir, 'bin')] : [];
  const path = [...unpacked, process.env.PATH, '/usr/sbin', '/usr/local/sbin'].join(':');
  return { ...process.env, PATH: path };
}

function run(basedir: string | undefined, program: string, flags: readonly string[]): string {
  const result = spawnSync(program, flags, {
    env: mariadbEnvironment(basedir),
    encoding: 'utf8',
    timeout: 60_000,
  });
  if (result.error) throw new Error(`${program} cannot be started: ${result.error.message}`);
  if (result.status !== 0) {
    throw new Error(`${program} failed with ${result.status}\n${result.stdout}${result.stderr}`);
  }
  return result.stdout;
}
