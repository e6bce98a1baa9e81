// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { PosternError } from '../model/errors.ts';
import {
  decodeProxyHeader,
  encodeProxyHeader,
  MAX_PROXY_HEADER_BYTES,
  type ProxyHeader,
  proxyHeaderBytes,
} from './proxy-v2.ts';

/** Section 2.2, by hand: 192.0.2.1:49152 to 198.51.100.7:3306, then a NOOP of two bytes. */
const IPV4 = Buffer.from(
  '0d0a0d0a000d0a515549540a' +
    '2111' +
    '0011' +
    'c0000201' +
    'c6336407' +
    'c000' +
    '0cea' +
    '0400020000',
  'hex',
);
const SPIFFE = Buffer.from('spiffe://prod.local/ns/a/sa/b');
const IPV6: ProxyHeader = {
  source: { ip: '2001:db8:0:0:0:0:0:1', port: 40_000 },
  destination: { ip: '2001:db8:0:0:0:0:0:2', port: 3306 },
  fields: [{ type: 0xd0, value: SPIFFE }],
};

const malformed = (problem: RegExp) => (thrown: unknown) => {
  assert.ok(thrown instanceof PosternError && thrown.code === 'malformed-message');
  assert.match(thrown.message, problem);
  return true;
};
/** The IPv4 header with some bytes written over. */
function changed(offset: number, ...bytes: number[]): Buffer {
  const copy = Buffer.from(IPV4);
  Buffer.from(bytes).copy(copy, offset);
  return copy;
}

describe('PROXY header', () => {
  it('reads addresses and fields', () => {
    assert.deepEqual(decodeProxyHeader(IPV4), {
      source: { ip: '192.0.2.1', port: 49_152 },
      destination: { ip: '198.51.100.7', port: 3306 },
      fields: [{ type: 4, value: Buffer.alloc(2) }],
    });
    assert.deepEqual(decodeProxyHeader(encodeProxyHeader(IPV6)), IPV6);
  });

  it('shows an IPv4 address in IPv6 clothes as what it is', () => {
    const bytes = encodeProxyHeader({ ...IPV6, fields: [] });
    Buffer.from('00000000000000000000ffffc0000201', 'hex').copy(bytes, 16);
    assert.equal(decodeProxyHeader(bytes).source.ip, '192.0.2.1');
  });

  it('knows its length as soon as 16 bytes are there, and waits for nothing that cannot be one', () => {
    const whole = encodeProxyHeader(IPV6);
    for (let end = 0; end <= whole.length; end += 1) {
      const known = proxyHeaderBytes(whole.subarray(0, end));
      assert.equal(known, end < 16 ? undefined : whole.length);
      if (end < whole.length) {
        assert.throws(() => decodeProxyHeader(whole.subarray(0, end)), PosternError);
      }
    }
    for (let at = 0; at < 12; at += 1) {
      assert.throws(
        () => proxyHeaderBytes(changed(at, 0xee).subarray(0, at + 1)),
        malformed(/signature/),
      );
    }
    assert.throws(
      () => proxyHeaderBytes(Buffer.from('PROXY TCP4 1.2.3.4')),
      malformed(/signature/),
    );
  });

  it('has a limit', () => {
    const most = MAX_PROXY_HEADER_BYTES - 16;
    assert.equal(proxyHeaderBytes(changed(14, most >> 8, most & 0xff)), MAX_PROXY_HEADER_BYTES);
    assert.throws(() => proxyHeaderBytes(changed(14, 0xff, 0xff)), malformed(/65551 bytes/));
  });

  it('refuses other versions, commands and families', () => {
    assert.throws(() => decodeProxyHeader(changed(12, 0x20)), malformed(/LOCAL/));
    for (const command of [0x11, 0x22, 0x31, 0x00]) {
      assert.throws(() => decodeProxyHeader(changed(12, command)), malformed(/not PROXY/));
    }
    for (const family of [0x00, 0x12, 0x22, 0x31, 0x32, 0x10]) {
      assert.throws(() => decodeProxyHeader(changed(13, family)), malformed(/not TCP/));
    }
  });

  it('refuses fields that are cut off, bytes that are left over, another length than it has', () => {
    assert.throws(
      () => decodeProxyHeader(changed(29, 0x00, 0x03)),
      malformed(/3 bytes are wanted/),
    );
    assert.throws(() => decodeProxyHeader(changed(29, 0x00, 0x01)), malformed(/bytes are wanted/));
    assert.throws(() => decodeProxyHeader(changed(14, 0x00, 0x0b)), malformed(/length/));
    assert.throws(() => decodeProxyHeader(Buffer.concat([IPV4, IPV4])), malformed(/length/));
    const short = Buffer.concat([changed(14, 0, 4).subarray(0, 16), Buffer.alloc(4)]);
    assert.throws(() => decodeProxyHeader(short), malformed(/bytes are wanted/));
  });
});
