// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CLIENT_QUERY_ATTRIBUTES } from '../../wire/mysql/capabilities.ts';
import { encodeComQuery } from '../../wire/mysql/com-query.ts';
import { FIELD_TYPE } from '../../wire/mysql/field-types.ts';
import { frame } from '../../wire/mysql/framing.ts';
import type { UpstreamPayload } from '../../wire/mysql/payload.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { QueryAttributes } from './query-attributes.ts';

const text = (name: string, value: string | null) => ({
  type: FIELD_TYPE.VAR_STRING,
  unsigned: false,
  name,
  value: value === null ? null : Buffer.from(value),
});
const asMessage = (payload: UpstreamPayload) => ({
  payload,
  framed: frame(payload, 0),
  nextSequence: 1,
});
const query = (statement: string, ...attributes: ReturnType<typeof text>[]) => {
  const command = { statement: Buffer.from(statement), attributes };
  return asMessage(encodeComQuery(command, CLIENT_QUERY_ATTRIBUTES));
};

describe('query attributes', () => {
  it('leave the statement as it is without them, and are tags', () => {
    const attributes = new QueryAttributes(new PreparedStatements());
    const plain = attributes.strip(
      query('SELECT 1', text('traceparent', '00-a'), text('', 'unnamed'), text('none', null)),
    );
    assert.equal(plain.payload.toString(), '\x03SELECT 1');
    assert.deepEqual(plain.framed, frame(plain.payload as UpstreamPayload, 0));
    assert.equal(plain.nextSequence, 1);
    assert.deepEqual(attributes.tags, { traceparent: '00-a' });
  });

  it('are those of one command alone', () => {
    const attributes = new QueryAttributes(new PreparedStatements());
    attributes.strip(query('SELECT 1', text('a', 'b')));
    attributes.strip(query('SELECT 2'));
    assert.equal(attributes.tags, undefined);
    attributes.strip(query('SELECT 1', text('a', 'b')));
    const ping = asMessage(Buffer.of(0x0e) as Buffer as UpstreamPayload);
    assert.equal(attributes.strip(ping), ping);
    assert.equal(attributes.tags, undefined);
  });

  it('cannot hide a statement: what does not parse is malformed', () => {
    const attributes = new QueryAttributes(new PreparedStatements());
    const wrong = asMessage(Buffer.from('\x03SELECT 1') as Buffer as UpstreamPayload);
    assert.throws(() => attributes.strip(wrong), { code: 'malformed-message' });
  });

  it('leave a command for an unknown statement alone: it is refused', () => {
    const attributes = new QueryAttributes(new PreparedStatements());
    const execute = Buffer.from('17090000000001000000', 'hex') as Buffer as UpstreamPayload;
    const message = asMessage(execute);
    assert.equal(attributes.strip(message), message);
  });

  it('may not change how many packets a command has', () => {
    const attributes = new QueryAttributes(new PreparedStatements());
    const statement = 'x'.repeat(0xffffff - 20);
    assert.throws(() => attributes.strip(query(statement, text('a', 'b'.repeat(40)))), {
      code: 'malformed-message',
    });
  });
});
