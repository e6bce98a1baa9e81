// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { MARIADB_CLIENT_CACHE_METADATA } from './capabilities.ts';
import { decodeColumnCount, encodeColumnCount } from './column-count.ts';

describe('column-count', () => {
  checkCodec({ file: 'column-count', decode: decodeColumnCount, encode: encodeColumnCount });

  it('reads back what it wrote, with the flag', () => {
    const counts = record({
      columns: fc.integer({ min: 1, max: 4096 }),
      metadataFollows: fc.boolean(),
    });
    fc.assert(
      fc.property(counts, (count) => {
        const bytes = encodeColumnCount(count, MARIADB_CLIENT_CACHE_METADATA);
        assert.deepEqual(decodeColumnCount(bytes, MARIADB_CLIENT_CACHE_METADATA), count);
      }),
      { numRuns: 40 },
    );
  });

  it('refuses a result set without columns', () => {
    assert.throws(() => decodeColumnCount(Buffer.from([0]), 0n), isMalformed(/no columns/));
  });
});
