// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  importedPath,
  names,
  packageName,
  readText,
  type SourceFile,
  sourceFiles,
  tableBelow,
} from './support/source-files.ts';

const architecture = readText('ARCHITECTURE.md');
const sources = sourceFiles('src');
const product = sources.filter(({ path }) => !path.endsWith('.test.ts'));

interface Row {
  readonly folders: ReadonlySet<string>;
  /** Packages and node modules; `node:*` is all of node. */
  readonly outside: ReadonlySet<string>;
}

const table = new Map<string, Row>(
  tableBelow(architecture, '## Who may import whom').map(([folder = '', folders, outside]) => [
    folder,
    { folders: new Set(names(folders)), outside: new Set(names(outside)) },
  ]),
);

/** `src/wire/mysql/ok.ts` -> `wire`; `src/main.ts` -> `main.ts`. */
function folderOf(path: string): string {
  return path.split('/')[1] ?? '';
}

function none(faults: readonly string[], why: string): void {
  assert.ok(faults.length === 0, `${why}\n  ${faults.join('\n  ')}`);
}

describe('architecture', () => {
  it('has a row for every folder, and a folder for every row', () => {
    const folders = new Set(product.map(({ path }) => folderOf(path)));
    assert.deepEqual(
      [...table.keys()].sort(),
      [...folders].sort(),
      'a folder without a row has no rules; a row without a folder is a promise',
    );
  });

  it('imports only what the table allows', () => {
    const faults: string[] = [];
    for (const file of product) {
      const own = folderOf(file.path);
      const row = table.get(own);
      if (!row) continue;
      for (const specifier of file.imports) {
        const path = importedPath(file, specifier);
        const allowed = path
          ? folderOf(path) === own || row.folders.has(folderOf(path))
          : row.outside.has(packageName(specifier)) ||
            (specifier.startsWith('node:') && row.outside.has('node:*'));
        if (!allowed) faults.push(`${file.path} imports ${specifier}`);
      }
    }
    none(
      faults,
      'a border that is crossed once is no border: move the code, or the row of the table',
    );
  });

  it('names in the table only what is needed', () => {
    const faults: string[] = [];
    for (const [folder, row] of table) {
      const used = new Set(
        product
          .filter(({ path }) => folderOf(path) === folder)
          .flatMap((file) =>
            file.imports.map((specifier) => {
              const path = importedPath(file, specifier);
              return path ? folderOf(path) : packageName(specifier);
            }),
          ),
      );
      const unused = [...row.folders, ...row.outside].filter(
        (name) => name !== 'node:*' && !used.has(name),
      );
      if (unused.length > 0) faults.push(`${folder}: ${unused.join(', ')}`);
    }
    none(faults, 'permission that nobody uses hides the next crossing');
  });

  it('keeps the protocols apart', () => {
    const faults = product.flatMap((file) => {
      const [, area, own] = file.path.split('/');
      if (area !== 'gateway' && area !== 'target' && area !== 'wire') return [];
      const others = ['mysql', 'tds', 'http'].filter((protocol) => protocol !== own);
      if (!['mysql', 'tds', 'http'].includes(own ?? '')) return [];
      return file.imports
        .filter((specifier) => others.includes(importedPath(file, specifier)?.split('/')[2] ?? ''))
        .map((specifier) => `${file.path} imports ${specifier}`);
    });
    none(faults, 'a protocol that knows another one cannot be changed or removed alone');
  });

  it('has no import cycle', () => {
    const byPath = new Map(product.map((file) => [file.path, file]));
    const done = new Set<string>();
    const faults: string[] = [];
    const walk = (file: SourceFile, trail: readonly string[]) => {
      if (trail.includes(file.path)) {
        faults.push([...trail.slice(trail.indexOf(file.path)), file.path].join(' -> '));
        return;
      }
      if (done.has(file.path)) return;
      for (const specifier of file.imports) {
        const next = byPath.get(importedPath(file, specifier) ?? '');
        if (next) walk(next, [...trail, file.path]);
      }
      done.add(file.path);
    };
    for (const file of product) walk(file, []);
    none(faults, 'files in a cycle can only be understood together');
  });

  it('opens secrets only where the document says', () => {
    const stated = new Map(
      tableBelow(architecture, '## Where a secret is opened').map(([path = '', count]) => [
        path,
        Number(count),
      ]),
    );
    const found = new Map<string, number>();
    for (const { path, text } of product) {
      if (path === 'src/model/secret.ts') continue;
      const count = text.split('.reveal()').length - 1;
      if (count > 0) found.set(path, count);
    }
    assert.deepEqual(
      Object.fromEntries(found),
      Object.fromEntries(stated),
      'every place where a secret becomes text is reviewed by name',
    );
  });

  it('lets `postern serve` load exactly the packages that are listed', () => {
    const stated = tableBelow(architecture, '## What `postern serve` loads').map(([name]) => name);
    assert.deepEqual(
      loadedPackages(),
      stated.sort(),
      'what is in the process can read its keys: a new package is a decision, not an accident',
    );
  });
});

/** Imports the gateway in a process of its own and asks node what came along. */
function loadedPackages(): string[] {
  const hook = `
    import { writeSync } from 'node:fs';
    export async function load(url, context, next) { writeSync(1, url + '\\n'); return next(url, context); }`;
  const entry = new URL('../src/app/run-gateway.js', import.meta.url).href;
  const program = `
    import { createRequire, register } from 'node:module';
    register('data:text/javascript,' + encodeURIComponent(${JSON.stringify(hook)}));
    await import(${JSON.stringify(entry)});
    for (const path of Object.keys(createRequire(import.meta.url).cache)) console.log(path);`;
  const child = spawnSync(process.execPath, ['--input-type=module', '--eval', program], {
    encoding: 'utf8',
    cwd: fileURLToPath(new URL('.', import.meta.url)),
    timeout: 60_000,
  });
  assert.equal(child.status, 0, child.stderr);
  const found = child.stdout.matchAll(/^.*\/node_modules\/((?:@[^/]+\/)?[^/]+)\//gm);
  return [...new Set([...found].map((match) => match[1] ?? ''))].sort();
}
