// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { PosternError } from '../../src/model/errors.ts';
import { PacketAssembler } from '../../src/wire/mysql/packet-assembler.ts';
import {
  type ResponseFormat,
  type ResponseKind,
  ResponseWalker,
  type WalkResult,
} from '../../src/wire/mysql/response-walker.ts';
import { decodeSessionTrack } from '../../src/wire/mysql/session-track.ts';
import type { Random } from '../support/random.ts';
import { DEPRECATE_EOF_RESPONSES } from '../vectors/mysql/responses-deprecate-eof.ts';
import { EOF_RESPONSES } from '../vectors/mysql/responses-eof.ts';
import { MARIADB_RESPONSES } from '../vectors/mysql/responses-mariadb.ts';
import type { FuzzTarget } from './fuzz.ts';
import { NaiveReader, type NaiveResponse } from './naive-response.ts';
import { RESPONSE_KINDS, ResponseGenerator } from './response-generator.ts';

const CAPTURED = [...EOF_RESPONSES, ...DEPRECATE_EOF_RESPONSES, ...MARIADB_RESPONSES];

function randomFormat(random: Random): ResponseFormat {
  return {
    deprecateEof: random.chance(0.5),
    sessionTrack: random.chance(0.8),
    cacheMetadata: random.chance(0.3),
  };
}

interface Walked {
  readonly result: WalkResult;
  /** Offsets in the whole response. */
  readonly start: number;
  readonly end: number;
  readonly walker: ResponseWalker;
}

/** Feeds the response in random pieces, as a relay would, and checks that nothing stands still. */
function walk(
  bytes: Buffer,
  format: ResponseFormat,
  kind: ResponseKind,
  sequence: number,
  random: Random,
): Walked {
  const walker = new ResponseWalker(format, {
    sessionState: (chunk, start, end) => decodeSessionTrack(chunk.subarray(start, end)),
  });
  walker.begin(kind, sequence);
  let from = 0;
  let given = 0;
  for (;;) {
    const chunk = bytes.subarray(from, given);
    const result = walker.walk(chunk, 0);
    assert.ok(walker.position >= 0 && walker.position <= chunk.length);
    if (result !== 'more') {
      assert.ok(walker.packetEnd > walker.position && walker.packetEnd <= chunk.length);
      return { result, start: from + walker.position, end: from + walker.packetEnd, walker };
    }
    from += walker.position;
    if (given === bytes.length) return { result, start: from, end: from, walker };
    given = Math.min(bytes.length, given + 1 + random.below(random.chance(0.5) ? 8 : 500));
  }
}

/** Undefined when the response is not a valid one. */
function readNaively(
  bytes: Buffer,
  format: ResponseFormat,
  kind: ResponseKind,
  sequence: number,
): NaiveResponse | undefined {
  try {
    return new NaiveReader(bytes, format, sequence).read(kind);
  } catch (error) {
    if (error instanceof PosternError) return undefined;
    throw error;
  }
}

function assertAgree({ result, walker, start, end }: Walked, naive: NaiveResponse): void {
  const walked = {
    rows: walker.rows,
    terminal: result === 'local-infile' ? result : walker.terminal,
    errno: walker.errno,
    start,
    end,
  };
  assert.deepEqual(walked, naive);
}

export const WALKER_TARGETS: readonly FuzzTarget[] = [
  {
    name: 'response-walker on valid responses',
    seeds: [Buffer.alloc(1)],
    run(_input, random) {
      const format = randomFormat(random);
      const kind = random.pick(RESPONSE_KINDS);
      const sequence = random.below(256);
      const bytes = new ResponseGenerator(random, format, sequence).response(kind);
      const naive = new NaiveReader(bytes, format, sequence).read(kind);
      assert.equal(naive.end, bytes.length);
      assertAgree(walk(bytes, format, kind, sequence, random), naive);
    },
  },
  {
    name: 'response-walker on damaged responses',
    seeds: CAPTURED.map(({ bytes }) => bytes),
    run(input, random) {
      const format = randomFormat(random);
      const kind = random.pick(RESPONSE_KINDS);
      const naive = readNaively(input, format, kind, 1);
      const walked = walk(input, format, kind, 1, random);
      // What the plain reader understands, the walker must not read in any other way.
      if (naive) assertAgree(walked, naive);
    },
  },
  {
    name: 'packet-assembler',
    seeds: CAPTURED.map(({ bytes }) => bytes),
    run(input, random) {
      const assembler = new PacketAssembler();
      assembler.expectSequence(1);
      for (let at = 0; at < input.length; ) {
        const length = 1 + random.below(40);
        assembler.push(input.subarray(at, at + length));
        at += length;
        if (random.chance(0.05)) assembler.stream();
        else while (typeof assembler.next(1 << 12) === 'object');
      }
      assembler.leftover();
    },
  },
];
