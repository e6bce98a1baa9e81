// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { basename, dirname } from 'node:path';
import { describe, it } from 'node:test';
import { repositoryFile } from './support/repository-file.ts';
import { filesBelow, readText, sourceFiles, tableBelow } from './support/source-files.ts';

const MAX_LINES = 500;
const BANNED_NAMES = /(^|[/.-])(utils?|helpers?|common|misc|managers?)([/.-]|$)|(^|\/)index\.ts$/;
const files = sourceFiles('src', 'test', 'scripts');
const product = files.filter(({ path }) => /^src\/(?!.*\.test\.ts$)/.test(path));
const unitTests = files.filter(({ path }) => /^src\/.*\.test\.ts$/.test(path));

function none(faults: readonly string[], why: string): void {
  assert.ok(faults.length === 0, `${why}\n  ${faults.join('\n  ')}`);
}

describe('house rules', () => {
  it(`has no file over ${MAX_LINES} lines that is not a table of data`, () => {
    const tables = tableBelow(readText('ARCHITECTURE.md'), '## Tables of data').map(
      ([path]) => path,
    );
    const faults = files
      .filter(({ path, text }) => text.split('\n').length > MAX_LINES + 1 && !tables.includes(path))
      .map(({ path, text }) => `${path}: ${text.split('\n').length - 1}`);
    none(faults, 'what does not fit on a few screens is not one thing');
    none(
      tables.filter((path) => !existsSync(repositoryFile(path ?? ''))).map(String),
      'an exemption outlived its file',
    );
  });

  it('has no drawer for odds and ends', () => {
    const faults = files.map(({ path }) => path).filter((path) => BANNED_NAMES.test(path));
    none(faults, 'a name that fits everything tells nothing; name the thing');
  });

  it('names files in kebab-case', () => {
    const faults = files
      .map(({ path }) => path)
      .filter((path) => !/^[a-z0-9/-]+(\.test|\.d)?\.ts$/.test(path));
    none(faults, 'names differ in one way only: by their words');
  });

  it('has no file that only passes on others', () => {
    const faults = files
      .filter(
        ({ text }) =>
          /^export \*/m.test(text) || /^export default (?!async function\*)/m.test(text),
      )
      .map(({ path }) => path);
    none(faults, 'one thing, one name, one place: no barrels, no default exports');
  });

  it('states the licence in every file', () => {
    const faults = files
      .filter(({ text }) => !/^(#!.*\n)?\/\/ SPDX-License-Identifier: Apache-2\.0\n/.test(text))
      .map(({ path }) => path);
    none(faults, 'a file that is copied alone must carry its licence');
  });

  it('leaves nothing for later in the code', () => {
    const faults = files
      .filter(({ path }) => path !== 'test/house.test.ts')
      .filter(({ text }) => /\b(TODO|FIXME|XXX|HACK)\b/.test(text))
      .map(({ path }) => path);
    none(faults, 'what is missing stands in docs/limitations.md, where users see it');
  });

  it('runs every test', () => {
    const switched =
      /\b(?:it|test|describe|suite)\.(?:skip|only|todo)\b|\b(?:skip|only|todo): true/;
    const faults = files.filter(({ text }) => switched.test(text)).map(({ path }) => path);
    none(faults, 'a test that is switched off says something is tested that is not');
  });

  it('opens no sockets in unit tests', () => {
    const faults = unitTests
      .filter(({ imports }) =>
        imports.some((name) =>
          /^node:(net|https?|http2|dgram|child_process|worker_threads)$/.test(name),
        ),
      )
      .map(({ path }) => path);
    none(faults, 'unit tests share one process; what needs servers belongs to test/integration');
  });

  it('calls each unit test after its file', () => {
    const faults = unitTests
      .map(({ path }) => path)
      .filter((path) => !existsSync(repositoryFile(path.replace(/\.test\.ts$/, '.ts'))))
      .filter((path) => basename(path) !== `${basename(dirname(path))}.test.ts`);
    none(faults, 'the test of x.ts is x.test.ts beside it; the test of a folder bears its name');
  });

  it('reads the clock in one place', () => {
    const faults = product
      .filter(({ path }) => path !== 'src/model/clock.ts')
      .filter(({ text }) => /\bDate\.now\(\)|\bnew Date\(\)|\bperformance\.now\(\)/.test(text))
      .map(({ path }) => path);
    none(faults, 'time is injected, so that tests can set it');
  });

  it('says downstream and upstream', () => {
    const bare = /^export (?:class|interface|function|const|type) (?:client|server)\b/im;
    const faults = product.filter(({ text }) => bare.test(text)).map(({ path }) => path);
    none(faults, 'a gateway is both a client and a server; say towards whom');
  });

  it('has a test and a fuzz target for every decoder', () => {
    const fuzzed = sourceFiles('test/fuzz')
      .map(({ text }) => text)
      .join('\n');
    const faults: string[] = [];
    for (const { path, text } of product.filter((file) => file.path.startsWith('src/wire/'))) {
      const decoders = [...text.matchAll(/^export function (decode\w+)/gm)].map(([, name]) => name);
      if (decoders.length === 0) continue;
      const test = path.replace(/\.ts$/, '.test.ts');
      if (!existsSync(repositoryFile(test))) faults.push(`${path} has no ${test}`);
      for (const name of decoders) {
        if (!fuzzed.includes(`${name}`)) faults.push(`${name} (${path}) is not fuzzed`);
      }
    }
    none(faults, 'bytes of strangers reach every decoder');
  });

  it('mentions no machine it was written on', () => {
    const texts = [
      ...files,
      ...['docs', 'scripts', '.ci'].flatMap((folder) =>
        ['.md', '.sh', '.json', 'run'].flatMap((ending) =>
          filesBelow(folder, ending).map((path) => ({ path, text: readText(path) })),
        ),
      ),
      ...['README.md', 'ARCHITECTURE.md', 'CONTRIBUTING.md', 'Makefile', 'package-lock.json'].map(
        (path) => ({ path, text: readText(path) }),
      ),
    ];
    const places = /(?<![\w.])\/(?:work|root|home\/\w+|Users\/\w+)\/|"resolved": "https?:/;
    const faults = texts.filter(({ text }) => places.test(text)).map(({ path }) => path);
    none(faults, 'paths and registries of one machine work nowhere else');
  });
});
