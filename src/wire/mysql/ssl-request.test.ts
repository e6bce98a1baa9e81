// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { CLIENT_PROTOCOL_41, CLIENT_SSL } from './capabilities.ts';
import { decodeSslRequest, encodeSslRequest, isSslRequest } from './ssl-request.ts';

const head = { maxPacketBytes: 1 << 24, charset: 45 };

describe('ssl-request', () => {
  checkCodec({
    file: 'ssl-request',
    decode: decodeSslRequest,
    encode: encodeSslRequest,
    messages: record({
      capabilities: fc.constant(CLIENT_PROTOCOL_41 | CLIENT_SSL),
      maxPacketBytes: arbitrary.u32,
      charset: arbitrary.u8,
    }),
  });

  it('is told from a login by its length and flag', () => {
    const request = encodeSslRequest({ ...head, capabilities: CLIENT_PROTOCOL_41 | CLIENT_SSL });
    assert.ok(isSslRequest(request));
    assert.ok(!isSslRequest(Buffer.concat([request, Buffer.from([0])])));
    assert.ok(!isSslRequest(request.subarray(0, 31)));
    assert.ok(!isSslRequest(encodeSslRequest({ ...head, capabilities: CLIENT_PROTOCOL_41 })));
  });

  it('refuses one without CLIENT_SSL', () => {
    const bytes = encodeSslRequest({ ...head, capabilities: CLIENT_PROTOCOL_41 });
    assert.throws(() => decodeSslRequest(bytes), isMalformed(/CLIENT_SSL/));
  });
});
