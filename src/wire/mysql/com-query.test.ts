// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import { CLIENT_QUERY_ATTRIBUTES } from './capabilities.ts';
import { decodeComQuery, encodeComQuery } from './com-query.ts';
import { FIELD_TYPE } from './field-types.ts';

const attribute = record({
  type: fc.constantFrom(FIELD_TYPE.STRING, FIELD_TYPE.DATETIME),
  unsigned: fc.boolean(),
  name: arbitrary.text,
  value: fc.option(fc.uint8Array({ maxLength: 11 }).map((bytes) => Buffer.from(bytes))),
});

describe('com-query', () => {
  checkCodec({
    file: 'com-query',
    decode: decodeComQuery,
    encode: encodeComQuery,
    messages: record({ statement: arbitrary.bytes, attributes: fc.constant([]) }),
  });

  it('reads back attributes', () => {
    const query = record({ statement: arbitrary.bytes, attributes: fc.array(attribute) });
    fc.assert(
      fc.property(query, (message) => {
        const bytes = encodeComQuery(message, CLIENT_QUERY_ATTRIBUTES);
        assert.deepEqual(decodeComQuery(bytes, CLIENT_QUERY_ATTRIBUTES), message);
      }),
      { numRuns: 40 },
    );
  });

  it('reads a traceparent', () => {
    const payload = MESSAGE_VECTORS['com-query']?.[2]?.payload ?? Buffer.alloc(0);
    const { attributes, statement } = decodeComQuery(payload, CLIENT_QUERY_ATTRIBUTES);
    assert.equal(attributes[0]?.name, 'traceparent');
    assert.equal(attributes[0]?.value?.toString(), '00');
    assert.equal(statement.toString(), 'select 1');
  });

  it('refuses a count that announces more than there can be', () => {
    const bytes = Buffer.from('03fe0000000001000000 01'.replaceAll(' ', ''), 'hex');
    assert.throws(() => decodeComQuery(bytes, CLIENT_QUERY_ATTRIBUTES), isMalformed(/too many/));
    const twoSets = Buffer.from('030002', 'hex');
    assert.throws(() => decodeComQuery(twoSets, CLIENT_QUERY_ATTRIBUTES), isMalformed(/one/));
  });
});
