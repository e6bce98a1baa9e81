// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { boundedTags, parseTraceparent, traceparentFrom } from './trace-context.ts';

// The example of W3C Trace Context, section 3.2.3.
const VALID = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01';

describe('trace context', () => {
  it('accepts what the specification accepts', () => {
    assert.equal(parseTraceparent(VALID), VALID);
    const later = VALID.replace(/^00/, 'cc');
    assert.equal(parseTraceparent(`${later}-what-the-future-will-be-like`), later);
  });

  it('refuses everything else', () => {
    const wrong = [
      '',
      VALID.toUpperCase(),
      VALID.replace(/^00/, 'ff'),
      `${VALID}-extra`,
      `${VALID.replace(/^00/, 'cc')}.extra`,
      VALID.slice(0, -1),
      ` ${VALID}`,
      `${VALID}\n`,
      VALID.replace('4bf92f3577b34da6a3ce929d0e0e4736', '0'.repeat(32)),
      VALID.replace('00f067aa0ba902b7', '0'.repeat(16)),
      VALID.replace('4bf9', '4bg9'),
      `cc${VALID.slice(2)}-${'x'.repeat(600)}`,
    ];
    for (const value of wrong) assert.equal(parseTraceparent(value), undefined, value);
  });

  it('prefers the statement to the connection, and ignores what is not valid', () => {
    const other = VALID.replace('-01', '-00');
    assert.equal(traceparentFrom({ traceparent: VALID }, { traceparent: other }), VALID);
    assert.equal(traceparentFrom({ traceparent: 'x' }, { traceparent: other }), other);
    assert.equal(traceparentFrom({}), undefined);
    assert.equal(traceparentFrom(Object.create({ traceparent: VALID })), undefined);
  });

  it('bounds the tags of a peer', () => {
    const many = Object.fromEntries(
      Array.from({ length: 99 }, (_, i) => [`k${i}`, 'v'.repeat(999)]),
    );
    const tags = boundedTags(many);
    assert.equal(Object.keys(tags).length, 32);
    assert.equal(tags.k0?.length, 256);
  });
});
