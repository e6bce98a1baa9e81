// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { blocks, lines } from './lines.ts';

function cut(bytes: Buffer, size: number): Buffer[] {
  const chunks: Buffer[] = [];
  for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size));
  return chunks;
}

describe('lines', () => {
  it('are the same however the bytes are cut', () => {
    const unit = fc.constantFrom('a', 'é', '☃', '\n', '\r', '');
    fc.assert(
      fc.property(
        fc.string({ unit, maxLength: 60 }),
        fc.integer({ min: 1, max: 9 }),
        (text, size) => {
          const bytes = Buffer.from(text);
          const found = [...lines(cut(bytes, size))];
          const expected = text.split('\n');
          const whole = expected.slice(0, -1);
          const rest = expected.at(-1) ?? '';
          assert.deepEqual(
            found.filter((line) => line.whole).map((line) => line.text),
            whole,
          );
          assert.equal(found.find((line) => !line.whole)?.text ?? '', rest);
          for (const line of found) {
            const at = bytes.subarray(line.offset).toString().split('\n')[0];
            assert.equal(at, line.text);
          }
          const together = [...blocks(cut(bytes, size))].map((block) => block.bytes);
          assert.deepEqual(Buffer.concat(together), bytes);
        },
      ),
      { numRuns: 300 },
    );
  });

  it('are numbered from 1', () => {
    const numbers = [...lines([Buffer.from('a\nb'), Buffer.from('\nc\n')])].map((l) => l.number);
    assert.deepEqual(numbers, [1, 2, 3]);
  });
});
