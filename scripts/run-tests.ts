// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

const USAGE = `npm test                      everything
npm test -- unit              src/**/*.test.ts, in one process
npm test -- integration ...   a folder of test/ or several
npm test -- FILE ...          test files by their source path`;

/** Run after the quick folders: they start servers. */
const SLOW = ['integration', 'faults'];
const PROCESSES = 2;
const FILE_LIMIT_MS = 600_000;
/**
 * Skips that CI accepts too: what a container without privileges cannot have, and a server that is
 * in a moving distribution only.
 */
const ACCEPTED_SKIPS = ['mounting a small tmpfs needs root', 'MySQL could not be had'];
const COUNTED = ['tests', 'pass', 'fail', 'cancelled', 'skipped', 'todo'] as const;

interface Group {
  readonly title: string;
  readonly files: readonly string[];
  readonly oneProcess: boolean;
}

interface Totals {
  readonly counts: Record<string, number>;
  readonly skips: string[];
}

const compiled = fileURLToPath(new URL('..', import.meta.url));
const sources = process.cwd();

function testFiles(folder: string): string[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.test.js'))
    .map((name) => join(folder, name))
    .sort();
}

function unitGroup(): Group {
  return { title: 'unit', files: testFiles(join(compiled, 'src')), oneProcess: true };
}

function folderGroup(title: string, wanted: (folder: string) => boolean): Group {
  const root = join(compiled, 'test');
  const files = testFiles(root).filter((file) => wanted(relative(root, file).split('/')[0] ?? ''));
  return { title, files, oneProcess: false };
}

function groupsOf(names: readonly string[]): Group[] {
  if (names.length === 0) {
    return [
      unitGroup(),
      folderGroup('quick', (folder) => !SLOW.includes(folder)),
      folderGroup('with servers', (folder) => SLOW.includes(folder)),
    ];
  }
  return names.map((name) => {
    if (name === 'unit') return unitGroup();
    const file = resolve(compiled, relative(sources, resolve(name)).replace(/\.ts$/, '.js'));
    if (name.endsWith('.ts') && existsSync(file)) {
      return { title: name, files: [file], oneProcess: false };
    }
    return folderGroup(name, (folder) => folder === name);
  });
}

/** Runs one group and adds its totals; resolves with whether node:test was satisfied. */
async function runGroup(group: Group, totals: Totals): Promise<boolean> {
  const directory = mkdtempSync(join(tmpdir(), 'postern-tests-'));
  const countsFile = join(directory, 'counts');
  const flags = [
    '--enable-source-maps',
    '--test-reporter=spec',
    '--test-reporter-destination=stdout',
    `--test-reporter=${join(compiled, 'scripts/diagnostic-counts.js')}`,
    `--test-reporter-destination=${countsFile}`,
  ];
  const how = group.oneProcess
    ? [join(compiled, 'scripts/import-tests.js')]
    : ['--test', `--test-concurrency=${PROCESSES}`, `--test-timeout=${FILE_LIMIT_MS}`];
  console.log(`\n== ${group.title}: ${group.files.length} files`);
  const child = spawn(process.execPath, [...flags, ...how, ...group.files], { stdio: 'inherit' });
  const code = await new Promise<number | null>((done, fail) => {
    child.once('error', fail);
    child.once('close', done);
  });
  const lines = existsSync(countsFile) ? readFileSync(countsFile, 'utf8').trim().split('\n') : [];
  rmSync(directory, { recursive: true });
  let reported = false;
  for (const line of lines) {
    const [name = '', count = '0'] = line.split(' ');
    if (name === 'skip') {
      totals.skips.push(line.slice('skip '.length));
      continue;
    }
    totals.counts[name] = (totals.counts[name] ?? 0) + Number(count);
    reported ||= name === 'tests' && Number(count) > 0;
  }
  if (!reported) console.error(`${group.title}: node:test counted no tests (exit code ${code})`);
  return code === 0 && reported;
}

async function main(names: readonly string[]): Promise<0 | 1 | 2> {
  const groups = groupsOf(names);
  for (const group of groups) {
    if (group.files.length > 0 || names.length === 0) continue;
    console.error(`No tests called ${group.title}.\n\n${USAGE}`);
    return 2;
  }
  const totals: Totals = { counts: {}, skips: [] };
  const failed: string[] = [];
  for (const group of groups) {
    if (group.files.length === 0) continue;
    if (!(await runGroup(group, totals))) failed.push(group.title);
  }
  console.log('\n== all');
  for (const name of COUNTED) console.log(`# ${name} ${totals.counts[name] ?? 0}`);
  for (const reason of totals.skips) console.log(`# skipped: ${reason}`);
  const holes = totals.skips.filter((reason) => !ACCEPTED_SKIPS.includes(reason));
  const open = holes.length + (totals.counts['todo'] ?? 0);
  // Where everything is installed, a test that does not run is a hole and not an excuse.
  if (open > 0 && process.env['CI']) failed.push(`${open} not run`);
  if (failed.length > 0) console.log(`# failed: ${failed.join(', ')}`);
  return failed.length > 0 ? 1 : 0;
}

process.exitCode = await main(process.argv.slice(2));
