// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { Duplex } from 'node:stream';
import { describe, it } from 'node:test';
import { deflateSync, inflateSync } from 'node:zlib';
import type { PosternError } from '../../model/errors.ts';
import {
  COMPRESSED_HEADER_BYTES,
  decodeCompressedHeader,
  encodeCompressedHeader,
} from '../../wire/mysql/compressed-packet.ts';
import { BufferBudget } from '../limits.ts';
import { CompressedStream } from './compressed-stream.ts';

const PLENTY = 1 << 30;

/** The other end of a connection: what is written to it, and what it says. */
class Peer extends Duplex {
  readonly written: Buffer[] = [];

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.written.push(chunk);
    done();
  }
}

function packed(plain: Buffer, sequence: number, claimed = plain.length): Buffer {
  const body = deflateSync(plain);
  const header = encodeCompressedHeader({ bodyBytes: body.length, sequence, plainBytes: claimed });
  return Buffer.concat([header, body]);
}

function unpacked(bytes: Buffer): { sequence: number; plain: Buffer }[] {
  const pieces = [];
  for (let at = 0; at < bytes.length; ) {
    const start = at + COMPRESSED_HEADER_BYTES;
    const header = decodeCompressedHeader(bytes.subarray(at, start));
    const body = bytes.subarray(start, start + header.bodyBytes);
    const plain = header.plainBytes > 0 ? inflateSync(body) : body;
    pieces.push({ sequence: header.sequence, plain });
    at = start + header.bodyBytes;
  }
  return pieces;
}

function opened(budgetBytes = PLENTY, early: Buffer = Buffer.alloc(0)) {
  const peer = new Peer();
  const budget = new BufferBudget(budgetBytes);
  const stream = new CompressedStream(peer, early, budget);
  const received: Buffer[] = [];
  const faults: PosternError[] = [];
  stream.on('data', (chunk: Buffer) => received.push(chunk));
  stream.on('fault', (fault: PosternError) => faults.push(fault));
  return { peer, stream, budget, received, faults };
}

const settled = async (holds: () => boolean) => {
  for (let turn = 0; turn < 10_000 && !holds(); turn++) await new Promise(setImmediate);
  assert.ok(holds());
};

describe('compressed stream', () => {
  it('unpacks what comes in any pieces, small or large', async () => {
    const { peer, received, faults, budget } = opened();
    const plain = [Buffer.from('select 1'), Buffer.alloc(300_000, 'abcdefgh'), Buffer.alloc(100)];
    const bytes = Buffer.concat(plain.map((each, index) => packed(each, index)));
    for (let at = 0; at < bytes.length; at += 500) peer.push(bytes.subarray(at, at + 500));
    const whole = Buffer.concat(plain);
    await settled(() => Buffer.concat(received).length === whole.length);
    assert.ok(Buffer.concat(received).equals(whole));
    assert.equal(faults.length, 0);
    assert.ok(budget.take(PLENTY), 'nothing stays counted');
  });

  it('takes what came too early, and bodies that are not compressed', async () => {
    const header = encodeCompressedHeader({ bodyBytes: 3, sequence: 0, plainBytes: 0 });
    const { received } = opened(PLENTY, Buffer.concat([header, Buffer.from('abc')]));
    await settled(() => Buffer.concat(received).toString() === 'abc');
  });

  it('numbers an answer after its command, also when the next has come already', async () => {
    const { peer, stream, received } = opened();
    const long = Buffer.alloc(400_000, 'xyz');
    peer.push(Buffer.concat([packed(Buffer.alloc(60), 0), packed(Buffer.alloc(60), 1)]));
    peer.push(packed(Buffer.alloc(60), 0));
    await settled(() => Buffer.concat(received).length === 180);
    stream.began();
    stream.write(Buffer.from('short'));
    stream.write(long);
    await settled(() => unpacked(Buffer.concat(peer.written)).length === 2);
    stream.began();
    stream.write(Buffer.from('next'));
    await settled(() => unpacked(Buffer.concat(peer.written)).length === 3);
    const pieces = unpacked(Buffer.concat(peer.written));
    assert.deepEqual(
      pieces.map(({ sequence }) => sequence),
      [2, 3, 1],
    );
    assert.ok(pieces[1]?.plain.equals(long));
    assert.ok(Buffer.concat(peer.written).length < long.length);
  });

  it('goes on counting from 255 to 0', async () => {
    const { peer, received, faults } = opened();
    for (let n = 0; n < 300; n++) peer.push(packed(Buffer.alloc(60), n & 0xff));
    await settled(() => Buffer.concat(received).length === 300 * 60);
    assert.equal(faults.length, 0);
  });

  const wrong: readonly (readonly [string, Buffer, RegExp])[] = [
    ['a number out of order', packed(Buffer.alloc(60), 7), /sequence id 7 instead of 0/],
    ['more than was announced', packed(Buffer.alloc(5_000), 0, 4_000), /Cannot create|large/i],
    ['less than was announced', packed(Buffer.alloc(5_000), 0, 6_000), /another size/],
    ['more, in another thread', packed(Buffer.alloc(90_000), 0, 80_000), /Cannot create|large/i],
    ['less, in another thread', packed(Buffer.alloc(80_000), 0, 81_000), /another size/],
    [
      'no deflate at all',
      Buffer.concat([Buffer.from('05000000640000', 'hex'), Buffer.from('abcde')]),
      /incorrect|invalid/i,
    ],
    ['a body that cannot shrink so much', Buffer.from('10000000ffffff', 'hex'), /shrinks/],
    ['an empty body', Buffer.from('00000000000000', 'hex'), /empty/],
  ];
  for (const [what, bytes, why] of wrong) {
    it(`refuses ${what}, and takes nothing more`, async () => {
      const { peer, stream, received, faults, budget } = opened();
      peer.push(bytes);
      await settled(() => faults.length === 1);
      assert.equal(faults[0]?.code, 'malformed-message');
      assert.match(String(faults[0]?.facts['problem']), why);
      peer.push(packed(Buffer.alloc(60), 0));
      await new Promise(setImmediate);
      assert.equal(received.length, 0);
      assert.ok(budget.take(PLENTY), 'nothing stays counted');
      // It can still be told why.
      stream.write(Buffer.from('ERR'));
      await settled(() => peer.written.length > 0);
    });
  }

  it('refuses bytes behind the compressed data', async () => {
    const body = Buffer.concat([deflateSync(Buffer.alloc(100)), Buffer.from('more')]);
    const header = { bodyBytes: body.length, sequence: 0, plainBytes: 100 };
    const { peer, faults } = opened();
    peer.push(Buffer.concat([encodeCompressedHeader(header), body]));
    await settled(() => faults.length === 1);
    assert.match(String(faults[0]?.facts['problem']), /behind the compressed data/);
  });

  it('asks for room before it waits for a large body or unpacks it', async () => {
    const { peer, faults } = opened(1_000_000);
    // Only the header: 15 MB of it are announced.
    peer.push(encodeCompressedHeader({ bodyBytes: 20_000, sequence: 0, plainBytes: 15_000_000 }));
    await settled(() => faults.length === 1);
    assert.match(String(faults[0]?.facts['problem']), /holds too much/);
  });

  it('ends with its connection, both ways', async () => {
    const left = opened();
    let ended = false;
    left.stream.on('end', () => {
      ended = true;
    });
    left.peer.push(null);
    await settled(() => ended);
    const gone = opened();
    gone.stream.end(Buffer.from('bye'));
    await settled(() => gone.peer.writableFinished);
    assert.equal(unpacked(Buffer.concat(gone.peer.written))[0]?.plain.toString(), 'bye');
  });
});
