// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  decodeProxyHeader,
  encodeProxyHeader,
  MAX_PROXY_HEADER_BYTES,
  proxyHeaderBytes,
} from '../../src/wire/proxy-v2.ts';
import { fuzz, fuzzOptions } from './fuzz.ts';

const source = { ip: '192.0.2.1', port: 1 };
const spiffe = { type: 0xd0, value: Buffer.from('spiffe://prod.local/ns/a/sa/b') };
const seeds = [
  encodeProxyHeader({ source, destination: { ip: '192.0.2.2', port: 3306 }, fields: [spiffe] }),
  encodeProxyHeader({ source, destination: source, fields: [] }),
  encodeProxyHeader({
    source: { ip: '2001:db8:0:0:0:0:0:1', port: 2 },
    destination: { ip: '0:0:0:0:0:0:0:1', port: 3306 },
    fields: [spiffe, { type: 4, value: Buffer.alloc(300) }, spiffe],
  }),
];

describe('PROXY header fuzzing', () => {
  it('reads every header in one way, however it is cut', (context) => {
    const options = fuzzOptions(process.env);
    const inputs = fuzz(
      {
        name: 'decodeProxyHeader',
        seeds,
        run(input, random) {
          const cut = random.below(input.length + 1);
          // A beginning is never refused when the whole is accepted.
          const early = proxyHeaderBytes(input.subarray(0, cut));
          const total = proxyHeaderBytes(input);
          if (early !== undefined) assert.equal(early, total);
          if (total === undefined) return;
          assert.ok(total <= MAX_PROXY_HEADER_BYTES);
          const header = decodeProxyHeader(input.subarray(0, total));
          const again = decodeProxyHeader(encodeProxyHeader(header));
          assert.deepEqual(again.fields, header.fields);
          assert.deepEqual(again.destination.port, header.destination.port);
        },
      },
      options,
    );
    context.diagnostic(`${inputs} inputs, seed ${options.seed}`);
  });
});
