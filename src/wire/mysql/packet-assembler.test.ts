// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { isMalformed } from '../../../test/support/codec.ts';
import { frame, MAX_PACKET_BYTES } from './framing.ts';
import { type Message, PacketAssembler } from './packet-assembler.ts';
import type { UpstreamPayload } from './payload.ts';

const LIMIT = 64 << 20;
const framed = (text: string, sequence: number) =>
  frame(Buffer.from(text) as UpstreamPayload, sequence);

function messageOf(assembler: PacketAssembler): Message {
  const message = assembler.next(LIMIT);
  assert.ok(message && message !== 'too-large');
  return message;
}

describe('packet-assembler', () => {
  it('gives whole messages, however the bytes were cut', () => {
    const bytes = Buffer.concat([framed('one', 0), framed('', 1), framed('three', 2)]);
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 5 }), { maxLength: 30 }), (cuts) => {
        const assembler = new PacketAssembler();
        const payloads: string[] = [];
        let at = 0;
        for (const cut of [...cuts, bytes.length]) {
          assembler.push(bytes.subarray(at, at + cut));
          at += cut;
          for (;;) {
            const message = assembler.next(LIMIT);
            if (message === undefined || message === 'too-large') break;
            payloads.push(message.payload.toString());
          }
        }
        assert.deepEqual(payloads, ['one', '', 'three']);
        assert.equal(assembler.bufferedBytes, 0);
      }),
      { numRuns: 50 },
    );
  });

  it('shares memory with the chunk and keeps the bytes as they came', () => {
    const chunk = framed('select 1', 0);
    const assembler = new PacketAssembler();
    assembler.push(chunk);
    const message = messageOf(assembler);
    assert.equal(message.payload.buffer, chunk.buffer);
    assert.deepEqual(message.framed, chunk);
    assert.equal(message.nextSequence, 1);
  });

  it('joins packets of a long message', () => {
    const payload = Buffer.alloc(MAX_PACKET_BYTES + 3, 0x62) as UpstreamPayload;
    const bytes = frame(payload, 0);
    const assembler = new PacketAssembler();
    for (let at = 0; at < bytes.length; at += 1 << 20) {
      assert.equal(assembler.next(LIMIT), undefined);
      assembler.push(bytes.subarray(at, at + (1 << 20)));
    }
    const message = messageOf(assembler);
    assert.ok(message.payload.equals(payload));
    assert.ok(message.framed.equals(bytes));
    assert.equal(message.nextSequence, 2);
  });

  it('checks sequence ids and wraps them', () => {
    const assembler = new PacketAssembler();
    assembler.expectSequence(255);
    assembler.push(framed('a', 255));
    assert.equal(messageOf(assembler).nextSequence, 0);
    assembler.push(framed('b', 7));
    assert.throws(() => assembler.next(LIMIT), isMalformed(/7 instead of 0/));
  });

  it('says too-large from the header alone, for the sum of all packets', () => {
    const assembler = new PacketAssembler();
    assembler.push(Buffer.from('05000000', 'hex'));
    assert.equal(assembler.next(4), 'too-large');
    assert.equal(assembler.next(5), undefined);

    const long = new PacketAssembler();
    long.push(frame(Buffer.alloc(MAX_PACKET_BYTES) as UpstreamPayload, 0).subarray(0, -4));
    assert.equal(long.next(MAX_PACKET_BYTES), undefined);
    long.push(Buffer.from('01000001', 'hex'));
    assert.equal(long.next(MAX_PACKET_BYTES), 'too-large');
  });

  it('hands out what follows, for a switch to TLS', () => {
    const assembler = new PacketAssembler();
    assembler.push(Buffer.concat([framed('ssl', 0), Buffer.from('hello')]));
    messageOf(assembler);
    assert.equal(assembler.leftover().toString(), 'hello');
    assert.equal(assembler.leftover().length, 0);
  });

  it('shows the start of a message before it is whole', () => {
    const assembler = new PacketAssembler();
    assert.equal(assembler.peek(1).length, 0);
    assembler.push(framed('select', 0).subarray(0, 7));
    assert.equal(assembler.peek(2).toString(), 'se');
    assert.equal(assembler.peek(9).toString(), 'sel');
  });

  it('does not hold one object per byte of a slow peer', () => {
    const assembler = new PacketAssembler();
    const bytes = framed('x'.repeat(2000), 0);
    for (const byte of bytes) assembler.push(Buffer.from([byte]));
    assert.equal(messageOf(assembler).payload.length, 2000);
  });
});

describe('packet-assembler streaming', () => {
  it('passes a message through in pieces and then goes on with the next', () => {
    const long = frame(Buffer.alloc(MAX_PACKET_BYTES + 9, 0x63) as UpstreamPayload, 0);
    const bytes = Buffer.concat([long, framed('next', 0)]);
    const assembler = new PacketAssembler();
    const parts: Buffer[] = [];
    let ended = false;
    for (let at = 0; at < bytes.length; at += 999_983) {
      assembler.push(bytes.subarray(at, at + 999_983));
      if (ended) continue;
      const part = assembler.stream();
      parts.push(part.framed);
      ended = part.ended;
    }
    assert.ok(ended);
    assert.ok(Buffer.concat(parts).equals(long));
    assembler.expectSequence(0);
    assert.equal(messageOf(assembler).payload.toString(), 'next');
  });

  it('passes over a message that was too large, also after its first packets were seen', () => {
    const long = frame(Buffer.alloc(MAX_PACKET_BYTES + 1) as UpstreamPayload, 0);
    const assembler = new PacketAssembler();
    assembler.push(Buffer.concat([long, framed('after', 0)]));
    assert.equal(assembler.next(MAX_PACKET_BYTES), 'too-large');
    const part = assembler.stream();
    assert.ok(part.ended);
    assert.ok(part.framed.equals(long));
    assembler.expectSequence(0);
    assert.equal(messageOf(assembler).payload.toString(), 'after');
  });

  it('waits inside a header and checks its sequence id', () => {
    const assembler = new PacketAssembler();
    assembler.push(Buffer.from('0100', 'hex'));
    assert.deepEqual(assembler.stream(), { framed: Buffer.alloc(0), ended: false });
    assembler.push(Buffer.from('000961', 'hex'));
    assert.throws(() => assembler.stream(), isMalformed(/9 instead of 0/));
  });
});
