// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, throws } from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { outputChanges as changesOf, writeOutput as write } from './render-output.ts';

const MANIFEST = '.manifest.json';
const outputChanges = (directory: string, all: ReadonlyMap<string, string>) =>
  changesOf(directory, all, MANIFEST);
const writeOutput = (directory: string, all: ReadonlyMap<string, string>) =>
  write(directory, all, MANIFEST);
const files = (...entries: readonly (readonly [string, string])[]) => new Map(entries);

describe('render-output', () => {
  let directory = '';
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'postern-render-'));
  });
  afterEach(() => rmSync(directory, { recursive: true }));

  it('writes once, and nothing the second time', () => {
    const all = files(['prod/a.yaml', 'a'], ['prod/b.yaml', 'b']);
    equal(outputChanges(directory, all).length, 2);
    equal(writeOutput(directory, all).length, 2);
    deepEqual(writeOutput(directory, all), []);
    equal(readFileSync(join(directory, 'prod/a.yaml'), 'utf8'), 'a');
  });

  it('removes what it wrote and nothing else', () => {
    writeOutput(directory, files(['prod/a.yaml', 'a'], ['prod/b.yaml', 'b'], ['old/c.yaml', 'c']));
    writeFileSync(join(directory, 'prod/mine.yaml'), 'mine');
    const changes = writeOutput(directory, files(['prod/a.yaml', 'new']));
    deepEqual(
      changes.map(({ path, change }) => [path, change]),
      [
        ['old/c.yaml', 'removed'],
        ['prod/a.yaml', 'changed'],
        ['prod/b.yaml', 'removed'],
      ],
    );
    equal(existsSync(join(directory, 'prod/b.yaml')), false);
    equal(existsSync(join(directory, 'old')), false);
    equal(readFileSync(join(directory, 'prod/mine.yaml'), 'utf8'), 'mine');
  });

  it('does not take a file that was there for its own, and touches nothing then', () => {
    writeFileSync(join(directory, 'a.yaml'), 'mine');
    const all = files(['a.yaml', 'a'], ['b.yaml', 'b']);
    throws(() => writeOutput(directory, all), { code: 'usage' });
    equal(readFileSync(join(directory, 'a.yaml'), 'utf8'), 'mine');
    equal(existsSync(join(directory, 'b.yaml')), false);
  });

  it('follows no manifest out of the directory', () => {
    const manifest = join(directory, MANIFEST);
    for (const text of ['{"files": ["../x"]}', '{"files": ["/etc/passwd"]}', 'no json']) {
      writeFileSync(manifest, text);
      throws(() => writeOutput(directory, files(['a.yaml', 'a'])), { code: 'usage' });
    }
  });
});
