// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { CHAIN_START, HASH_SUFFIX_LENGTH, linePrefix, NO_HASH } from './chain.ts';
import { LineBatch } from './line-batch.ts';
import { serialiseEvent } from './serialise.ts';

const TIME = '2027-01-01T00:00:00.000Z';
const fields = (detail: string) => serialiseEvent({ event: 'gateway', what: 'started', detail });

describe('line batch', () => {
  it('hashes the bytes of each line without its hash, and links', () => {
    const batch = new LineBatch();
    const prefix = linePrefix('s');
    const first = batch.add(prefix, CHAIN_START, TIME, fields('é ☃ \u{1f512}'));
    const second = batch.add(prefix, first, TIME, fields('x'));
    const bytes = Buffer.from(batch.bytes);
    const hashed = bytes.subarray(0, bytes.indexOf('\n') - HASH_SUFFIX_LENGTH);
    assert.equal(createHash('sha256').update(hashed).digest('hex'), first.hash);
    const lines = bytes.toString().split('\n');
    assert.equal(lines.pop(), '');
    const [one, two, ...more] = lines.map((line) => JSON.parse(line));
    assert.deepEqual([one.seq, one.prev, one.hash], [1, NO_HASH, first.hash]);
    assert.deepEqual([two.seq, two.prev, two.hash], [2, first.hash, second.hash]);
    assert.deepEqual(more, []);
  });

  it('grows for lines of any length, and begins anew', () => {
    const batch = new LineBatch();
    const long = ['x'.repeat(50_000), '☃'.repeat(60_000), 'y'.repeat(70_000)];
    for (let round = 0; round < 2; round += 1) {
      batch.clear();
      let position = CHAIN_START;
      for (const detail of long)
        position = batch.add(linePrefix('s'), position, TIME, fields(detail));
      const lines = Buffer.from(batch.bytes).toString().trimEnd().split('\n');
      assert.deepEqual(
        lines.map((line) => JSON.parse(line).detail),
        long,
      );
      assert.equal(JSON.parse(lines.at(-1) ?? '').hash, position.hash);
    }
  });
});
