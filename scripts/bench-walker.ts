// SPDX-License-Identifier: Apache-2.0

// What following a response costs, in nanoseconds per response and per row. Prints a table; compare
// only numbers of one run. Usage: node dist/scripts/bench-walker.js
import { cpus } from 'node:os';
import { encodeColumnCount } from '../src/wire/mysql/column-count.ts';
import { encodeColumnDefinition } from '../src/wire/mysql/column-definition.ts';
import { frame } from '../src/wire/mysql/framing.ts';
import { encodeOk, OK_AS_EOF_HEADER, OK_HEADER } from '../src/wire/mysql/ok.ts';
import type { DownstreamPayload } from '../src/wire/mysql/payload.ts';
import { type ResponseKind, ResponseWalker } from '../src/wire/mysql/response-walker.ts';
import { encodeTextRow } from '../src/wire/mysql/result-row.ts';

const ROUNDS = 5;
const ROUND_MS = 300;
const CHUNK_BYTES = 65_536;

const ok = { affectedRows: 1, lastInsertId: 0n, status: 2, warnings: 0, info: '', changes: [] };

function framed(payloads: readonly DownstreamPayload[]): Buffer {
  return Buffer.concat(payloads.map((payload, index) => frame(payload, index + 1)));
}

function resultSet(rows: number, bytesPerRow: number): Buffer {
  const names = { schema: 'shop', table: 't', originalTable: 't', name: 'c', originalName: 'c' };
  const column = { ...names, charset: 45, columnLength: 480, type: 254, flags: 0, decimals: 0 };
  const row = encodeTextRow([Buffer.alloc(bytesPerRow, 0x61)]);
  return framed([
    encodeColumnCount({ columns: 1, metadataFollows: true }, 0n),
    encodeColumnDefinition(column, 0n),
    ...Array.from({ length: rows }, () => row),
    encodeOk({ ...ok, header: OK_AS_EOF_HEADER }, 0n),
  ]);
}

interface Case {
  readonly name: string;
  readonly kind: ResponseKind;
  readonly bytes: Buffer;
  /** What the time is divided by. */
  readonly units: number;
  readonly unit: string;
}

const CASES: readonly Case[] = [
  {
    name: 'OK',
    kind: 'simple',
    bytes: framed([encodeOk({ ...ok, header: OK_HEADER }, 0n)]),
    units: 1,
    unit: 'response',
  },
  {
    name: 'point select, 1 row',
    kind: 'query',
    bytes: resultSet(1, 119),
    units: 1,
    unit: 'response',
  },
  {
    name: '1,000 rows of 120 bytes',
    kind: 'query',
    bytes: resultSet(1000, 119),
    units: 1000,
    unit: 'row',
  },
  {
    name: '100 rows of 10 kB',
    kind: 'query',
    bytes: resultSet(100, 10_000),
    units: 100,
    unit: 'row',
  },
];

/** Walks as the relay does: in chunks as sockets give them, undecided bytes joined to the next. */
function walk(walker: ResponseWalker, { kind, bytes }: Case): void {
  walker.begin(kind, 1);
  let at = 0;
  for (;;) {
    const whole = at === 0 && bytes.length <= CHUNK_BYTES;
    const chunk = whole ? bytes : bytes.subarray(at, at + CHUNK_BYTES);
    if (walker.walk(chunk, 0) === 'ended') return;
    at += walker.position;
  }
}

function nanoseconds(walker: ResponseWalker, each: Case): number {
  let best = Number.POSITIVE_INFINITY;
  for (let round = 0; round < ROUNDS; round++) {
    const began = process.hrtime.bigint();
    const end = began + BigInt(ROUND_MS * 1e6);
    let count = 0;
    let now = began;
    while (now < end) {
      for (let batch = 0; batch < 100; batch++) walk(walker, each);
      count += 100;
      now = process.hrtime.bigint();
    }
    best = Math.min(best, Number(now - began) / count / each.units);
  }
  return best;
}

const format = { deprecateEof: true, sessionTrack: true, cacheMetadata: false };
const walker = new ResponseWalker(format, { sessionState: () => undefined });
process.stdout.write(`Node ${process.version}, ${cpus()[0]?.model ?? 'unknown CPU'}\n`);
// All shapes first, so that no case is measured with code specialised for it alone.
for (const each of CASES) for (let warm = 0; warm < 2000; warm++) walk(walker, each);
for (const each of CASES) {
  const cost = nanoseconds(walker, each).toFixed(1).padStart(8);
  process.stdout.write(`${each.name.padEnd(26)}${cost} ns per ${each.unit}\n`);
}
