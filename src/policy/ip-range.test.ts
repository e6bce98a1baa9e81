// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ipText, parseIp, parseIpRange, rangeContains, rangeEdges } from './ip-range.ts';

function contains(range: string, address: string): boolean {
  const [parsedRange, parsedAddress] = [parseIpRange(range), parseIp(address)];
  assert.ok(parsedRange && parsedAddress, `${range} ${address}`);
  return rangeContains(parsedRange, parsedAddress);
}

describe('ip-range', () => {
  it('knows the addresses of a range', () => {
    assert.equal(contains('10.0.0.0/8', '10.255.255.255'), true);
    assert.equal(contains('10.0.0.0/8', '11.0.0.0'), false);
    assert.equal(contains('10.0.0.0/9', '10.128.0.0'), false);
    assert.equal(contains('192.0.2.7', '192.0.2.7'), true);
    assert.equal(contains('2001:db8::/33', '2001:db8:7fff::1'), true);
    assert.equal(contains('2001:db8::/33', '2001:db8:8000::1'), false);
    assert.equal(contains('0.0.0.0/0', '203.0.113.9'), true);
  });

  it('takes an IPv4-mapped address for the IPv4 address it is', () => {
    assert.equal(contains('10.0.0.0/8', '::ffff:10.1.2.3'), true);
    assert.equal(contains('::ffff:10.0.0.0/104', '10.1.2.3'), true);
    assert.equal(contains('::/0', '10.1.2.3'), false);
    assert.equal(contains('::/0', 'fe80::1%eth0'), true);
  });

  it('refuses what is no address or range', () => {
    for (const text of [
      '',
      '10.0.0',
      '10.0.0.256',
      '010.0.0.1',
      '1:2',
      '1::2::3',
      'g::',
      '::1.2.3',
    ]) {
      assert.equal(parseIp(text), undefined, text);
    }
    for (const text of [
      '10.0.0.0/33',
      '::/129',
      '10.0.0.0/',
      '10.0.0.0/8/8',
      '10.0.0.0/-1',
      '/8',
    ]) {
      assert.equal(parseIpRange(text), undefined, text);
    }
  });

  it('names the first address of a range and the one after its last', () => {
    const edges = (text: string) => {
      const range = parseIpRange(text);
      return range && rangeEdges(range).map(ipText);
    };
    assert.deepEqual(edges('10.3.0.0/8'), ['10.0.0.0', '11.0.0.0']);
    assert.deepEqual(edges('10.0.255.255'), ['10.0.255.255', '10.1.0.0']);
    assert.deepEqual(edges('ffff::/16'), ['ffff:0:0:0:0:0:0:0']);
  });
});
