// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { frame, MAX_PACKET_BYTES, packetCount } from './framing.ts';
import type { UpstreamPayload } from './payload.ts';

const payload = (bytes: number) => Buffer.alloc(bytes, 0x61) as UpstreamPayload;

describe('framing', () => {
  it('puts length and sequence id in front', () => {
    assert.equal(frame(payload(2), 258).toString('hex'), '020000026161');
    assert.equal(frame(payload(0), 0).toString('hex'), '00000000');
  });

  it('continues a full packet, with an empty one when nothing is left', () => {
    assert.equal(packetCount(MAX_PACKET_BYTES - 1), 1);
    assert.equal(packetCount(MAX_PACKET_BYTES), 2);
    const framed = frame(payload(MAX_PACKET_BYTES), 255);
    assert.equal(framed.subarray(0, 4).toString('hex'), 'ffffffff');
    assert.equal(framed.subarray(MAX_PACKET_BYTES + 4).toString('hex'), '00000000');
  });
});
