// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { isMalformed } from '../../../test/support/codec.ts';
import { DEPRECATE_EOF_RESPONSES } from '../../../test/vectors/mysql/responses-deprecate-eof.ts';
import { EOF_RESPONSES } from '../../../test/vectors/mysql/responses-eof.ts';
import { MARIADB_RESPONSES } from '../../../test/vectors/mysql/responses-mariadb.ts';
import type { ResponseVector } from '../../../test/vectors/mysql/vector.ts';
import { MAX_PACKET_BYTES } from './framing.ts';
import { type ResponseFormat, type ResponseKind, ResponseWalker } from './response-walker.ts';
import { decodeSessionTrack, type SessionChange } from './session-track.ts';

const EOF_FORMAT: ResponseFormat = {
  deprecateEof: false,
  sessionTrack: true,
  cacheMetadata: false,
};
const OK_FORMAT: ResponseFormat = { ...EOF_FORMAT, deprecateEof: true };
const ignore = { sessionState: () => undefined };

function hex(text: string): Buffer {
  return Buffer.from(text.replaceAll(' ', ''), 'hex');
}

function started(format: ResponseFormat, kind: ResponseKind, sequence = 1, rowLimit?: number) {
  const walker = new ResponseWalker(format, ignore);
  walker.begin(kind, sequence, rowLimit);
  return walker;
}

/** Walks a response given in chunks the way a relay does; what was sent on, and the last packet. */
function relay(walker: ResponseWalker, bytes: Buffer, cuts: readonly number[]) {
  const sent: Buffer[] = [];
  let held: Buffer = Buffer.alloc(0);
  let from = 0;
  for (const cut of [...cuts, bytes.length]) {
    const chunk = Buffer.concat([held, bytes.subarray(from, cut)]);
    from = cut;
    const result = walker.walk(chunk, 0);
    sent.push(chunk.subarray(0, walker.position));
    held = chunk.subarray(walker.position);
    if (result === 'more') continue;
    assert.equal(from, bytes.length, `${result} before the last byte`);
    assert.equal(walker.packetEnd, chunk.length);
    return { result, sent: Buffer.concat(sent), last: held };
  }
  return { result: 'more', sent: Buffer.concat(sent), last: held };
}

function checkVector(vector: ResponseVector, cuts: readonly number[]): void {
  const changes: SessionChange[] = [];
  const walker = new ResponseWalker(
    { ...vector, sessionTrack: true },
    {
      sessionState: (chunk, start, end) =>
        changes.push(...decodeSessionTrack(chunk.subarray(start, end))),
    },
  );
  walker.begin(vector.kind, vector.sequence);
  const { result, sent, last } = relay(walker, vector.bytes, cuts);
  assert.equal(walker.rows, vector.rows);
  assert.equal(sent.length, vector.end);
  assert.ok(Buffer.concat([sent, last]).equals(vector.bytes));
  if (vector.terminal === 'local-infile') assert.equal(result, 'local-infile');
  else {
    assert.equal(result, 'ended');
    assert.equal(walker.terminal, vector.terminal);
    assert.equal(walker.errno !== 0, vector.terminal === 'err');
  }
}

describe('response-walker', () => {
  for (const [format, vectors] of [
    ['EOF', EOF_RESPONSES],
    ['no EOF', DEPRECATE_EOF_RESPONSES],
    ['MariaDB', MARIADB_RESPONSES],
  ] as const) {
    for (const vector of vectors) {
      it(`follows ${format}: ${vector.name}, whole and cut anywhere`, () => {
        checkVector(vector, []);
        for (let cut = 1; cut < vector.bytes.length; cut++) checkVector(vector, [cut]);
        const everyByte = Array.from(vector.bytes.keys()).slice(1);
        checkVector(vector, everyByte);
      });
    }
  }

  it('tells what a prepare gave', () => {
    const vector = DEPRECATE_EOF_RESPONSES.find(({ name }) => name === 'prepare');
    assert.ok(vector);
    const walker = started(OK_FORMAT, 'prepare');
    assert.equal(walker.walk(vector.bytes, 0), 'ended');
    assert.deepEqual([walker.statementId, walker.parameters, walker.columns], [9, 1, 2]);
  });

  it('hands over session state from inside a response', () => {
    const seen: SessionChange[] = [];
    const walker = new ResponseWalker(OK_FORMAT, {
      sessionState: (chunk, start, end) =>
        seen.push(...decodeSessionTrack(chunk.subarray(start, end))),
    });
    // An OK with a schema change and more results, then a plain OK.
    const state = hex('0f000001 00 00 00 0a40 0000 00 06 01 04 03 616263');
    walker.begin('query', 1);
    assert.equal(walker.walk(Buffer.concat([state, hex('07000002 000100 0200 0000')]), 0), 'ended');
    assert.deepEqual(seen, [{ type: 'schema', name: 'abc' }]);
    assert.equal(walker.affectedRows, 1);
    assert.equal(walker.unreportedChange, false);
  });

  it('says when a change came without its details', () => {
    const walker = started(EOF_FORMAT, 'simple');
    assert.equal(walker.walk(hex('05000001 fe 0000 0240'), 0), 'ended');
    assert.equal(walker.unreportedChange, true);
    walker.begin('simple', 1);
    assert.equal(walker.unreportedChange, false);
  });

  it('stops before the row that is one too many, and goes on when told to', () => {
    const vector = EOF_RESPONSES.find(({ name }) => name === 'select');
    assert.ok(vector);
    const walker = started(EOF_FORMAT, 'query', 1, 2);
    assert.equal(walker.walk(vector.bytes, 0), 'row-limit');
    assert.equal(walker.rows, 2);
    assert.equal(vector.bytes[walker.position + 3], walker.sequence);
    walker.liftRowLimit();
    assert.equal(walker.walk(vector.bytes, walker.position), 'ended');
    assert.equal(walker.rows, 3);
  });

  it('resumes behind a local file', () => {
    const walker = started(OK_FORMAT, 'query');
    assert.equal(walker.walk(hex('02000001 fb2f'), 0), 'local-infile');
    walker.resume(7);
    assert.equal(walker.walk(hex('07000007 000200 0200 0000'), 0), 'ended');
    assert.equal(walker.affectedRows, 2);
  });

  it('does not take a row of 16 MB that starts with 0xfe for an end, nor its continuation', () => {
    for (const format of [EOF_FORMAT, OK_FORMAT]) {
      const row = Buffer.alloc(4 + MAX_PACKET_BYTES);
      row.set(hex('ffffff00 fe 0000000100000000'));
      // The continuation looks like an EOF from its first byte to its last.
      const response = Buffer.concat([row, hex('05000001 fe00000200'), hex('05000002 fe00000200')]);
      const walker = started(format, 'fetch', 0);
      assert.equal(walker.walk(response, 0), 'ended');
      assert.equal(walker.rows, 1);
      assert.equal(walker.position, response.length - 9);
    }
  });

  it('accepts an empty continuation', () => {
    const row = Buffer.alloc(4 + MAX_PACKET_BYTES, 0);
    row.set(hex('ffffff00'));
    const walker = started(OK_FORMAT, 'fetch', 0);
    const response = Buffer.concat([row, hex('00000001'), hex('07000002 fe000002000000')]);
    assert.equal(walker.walk(response, 0), 'ended');
    assert.equal(walker.rows, 1);
  });

  it('goes on after a progress report', () => {
    const walker = started(OK_FORMAT, 'query');
    const report = hex('0b000001 ff ffff 01 01 02 000000 01 61');
    assert.equal(walker.walk(report, 0), 'more');
    assert.equal(walker.position, report.length);
    assert.equal(walker.walk(hex('07000002 000000 0200 0000'), 0), 'ended');
  });
});

describe('response-walker refuses', () => {
  const cases: readonly [string, ResponseFormat, ResponseKind, string, RegExp][] = [
    ['a wrong sequence id', OK_FORMAT, 'simple', '07000002 000000 0200 0000', /2 instead of 1/],
    ['an empty packet', OK_FORMAT, 'query', '00000001', /empty/],
    ['a column count of zero', OK_FORMAT, 'query', '03000001 fc0000', /no columns/],
    ['bytes behind a column count', OK_FORMAT, 'query', '02000001 0100', /too long/],
    ['a definition that is none', OK_FORMAT, 'query', '01000001 01 02000002 0464', /0x4/],
    ['an end among definitions', OK_FORMAT, 'query', '01000001 01 05000002 fe00000200', /0xfe/],
    ['an EOF of another length', EOF_FORMAT, 'fetch', '06000001 fe0000020000', /6 bytes/],
    ['an OK cut short', OK_FORMAT, 'simple', '04000001 00000002', /too short/],
    ['an OK with a cut integer', OK_FORMAT, 'simple', '02000001 00fc', /cut off/],
    ['a row for a ping', OK_FORMAT, 'simple', '02000001 0131', /plain answer/],
    ['a file request for a prepared statement', OK_FORMAT, 'execute', '02000001 fb2f', /file/],
    ['a prepare answer that is short', OK_FORMAT, 'prepare', '02000001 0000', /PREPARE_OK/],
    ['an ERR without a number', OK_FORMAT, 'query', '02000001 ff00', /too short/],
    ['an OK to be held that is huge', OK_FORMAT, 'query', '010010 01 00', /held/],
    [
      'session state of the wrong length',
      OK_FORMAT,
      'simple',
      '0a000001 00 00 00 0040 0000 00 05 00',
      /wrong length/,
    ],
  ];
  for (const [name, format, kind, bytes, problem] of cases) {
    it(name, () => {
      const walker = started(format, kind);
      assert.throws(() => walker.walk(hex(bytes), 0), isMalformed(problem));
    });
  }

  it('anything while no response is expected', () => {
    const walker = started(OK_FORMAT, 'simple');
    const ok = hex('07000001 000000 0200 0000');
    assert.equal(walker.walk(ok, 0), 'ended');
    assert.equal(walker.active, false);
    assert.throws(() => walker.walk(hex('07000002 000000 0200 0000'), 0), isMalformed(/expected/));
  });
});
