// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, throws } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { frame } from '../../wire/mysql/framing.ts';
import type { DownstreamPayload } from '../../wire/mysql/payload.ts';
import { InternalExchange } from './internal-exchange.ts';

const packet = (sequence: number, ...bytes: number[]) =>
  frame(Buffer.from(bytes) as DownstreamPayload, sequence);
const OK = packet(1, 0, 0, 0, 2, 0, 0, 0);
const EOF = [0xfe, 0, 0, 2, 0];
/** One column definition is never read, only counted. */
const COLUMN = [3, 0x64, 0x65, 0x66];

function resultSet(deprecateEof: boolean): Buffer {
  const last = deprecateEof ? [0xfe, 0, 0, 2, 0, 0, 0] : EOF;
  const packets = [[2], COLUMN, COLUMN, ...(deprecateEof ? [] : [EOF]), [1, 0x61, 0xfb], last];
  return Buffer.concat(packets.map((bytes, index) => packet(index + 1, ...bytes)));
}

describe('internal-exchange', () => {
  for (const deprecateEof of [false, true]) {
    it(`reads OKs and a row in any pieces (deprecateEof ${deprecateEof})`, () => {
      const bytes = Buffer.concat([OK, resultSet(deprecateEof), OK]);
      for (let cut = 0; cut <= bytes.length; cut += 1) {
        const exchange = new InternalExchange(3, deprecateEof);
        const early = cut > 0 && exchange.feed(bytes.subarray(0, cut));
        if (cut < bytes.length) equal(early, false);
        equal(cut === bytes.length ? early : exchange.feed(bytes.subarray(cut)), true);
        const [first, second] = exchange.answers;
        equal(first?.ok, true);
        deepEqual(second?.ok && second.row, ['a', null]);
      }
    });
  }

  it('gives an ERR as an answer', () => {
    const exchange = new InternalExchange(1, true);
    const text = [...Buffer.from('#42000no')];
    equal(exchange.feed(packet(1, 0xff, 0x15, 0x04, ...text)), true);
    deepEqual(exchange.answers, [{ ok: false, errno: 1045, problem: 'no' }]);
  });

  it('refuses bytes behind the last answer', () => {
    throws(() => new InternalExchange(1, true).feed(Buffer.concat([OK, OK])), /after the last/);
  });
});
