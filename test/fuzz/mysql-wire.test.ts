// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { MESSAGE_VECTORS } from '../vectors/mysql/messages.ts';
import { fuzz, fuzzOptions } from './fuzz.ts';
import { MYSQL_DECODER_TARGETS, MYSQL_DECODERS } from './mysql-decoders.ts';
import { WALKER_TARGETS } from './walker-targets.ts';

const options = fuzzOptions(process.env);

/** Names of the decoders that src/wire/mysql exports; tests run from the root of the repository. */
function exportedDecoders(folder: string): string[] {
  return readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return exportedDecoders(path);
    if (entry.name.endsWith('.test.ts')) return [];
    const source = readFileSync(path, 'utf8');
    return [...source.matchAll(/^export function (decode\w+)/gm)].map((match) => match[1] ?? '');
  });
}

describe('mysql wire fuzzing', () => {
  it('has a target and vectors for every decoder', () => {
    const decoders = exportedDecoders('src/wire/mysql').sort();
    assert.deepEqual(Object.keys(MYSQL_DECODERS).sort(), decoders);
    for (const { vectors } of Object.values(MYSQL_DECODERS)) {
      assert.ok(MESSAGE_VECTORS[vectors], `no vectors for ${vectors}`);
    }
  });

  for (const target of [...MYSQL_DECODER_TARGETS, ...WALKER_TARGETS]) {
    it(target.name, (context) => {
      const inputs = fuzz(target, options);
      context.diagnostic(`${inputs} inputs, seed ${options.seed}`);
    });
  }
});
