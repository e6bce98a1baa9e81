// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import { CLIENT_SESSION_TRACK } from './capabilities.ts';
import { decodeOk, encodeOk, OK_AS_EOF_HEADER, OK_HEADER, type Ok } from './ok.ts';
import { SERVER_SESSION_STATE_CHANGED } from './status.ts';

const read = (name: string) => {
  const vector = MESSAGE_VECTORS['ok']?.find((each) => each.name === name);
  return decodeOk(vector?.payload ?? Buffer.alloc(0), CLIENT_SESSION_TRACK);
};

describe('ok', () => {
  checkCodec<Ok>({
    file: 'ok',
    decode: decodeOk,
    encode: encodeOk,
    capabilities: CLIENT_SESSION_TRACK,
    messages: record({
      header: fc.constantFrom(OK_HEADER, OK_AS_EOF_HEADER),
      affectedRows: arbitrary.count,
      lastInsertId: arbitrary.u64,
      status: arbitrary.u16.map((status) => status & ~SERVER_SESSION_STATE_CHANGED),
      warnings: arbitrary.u16,
      info: arbitrary.text,
      changes: fc.constant([]),
    }),
  });

  it('reads what a statement did', () => {
    const ok = read('with information text');
    assert.equal(ok.affectedRows, 1);
    assert.equal(ok.info, 'Rows matched: 1  Changed: 1  Warnings: 0');
  });

  it('reads session state', () => {
    assert.deepEqual(read('schema after login').changes, [{ type: 'schema', name: 'shop' }]);
    assert.deepEqual(read('system variables changed').changes[0], {
      type: 'system-variable',
      name: 'character_set_client',
      value: 'latin1',
    });
    assert.equal(read('in place of an EOF, with transaction state').header, OK_AS_EOF_HEADER);
  });

  it('reads and writes the information with its length without session tracking too', () => {
    const payload = Buffer.from('0000000200000003686921', 'hex');
    const ok = decodeOk(payload, 0n);
    assert.equal(ok.info, 'hi!');
    assert.deepEqual(encodeOk(ok, 0n), payload);
  });

  it('sets the flag exactly when there is session state to read', () => {
    const changed = { ...read('plain'), status: 0, changes: read('schema after login').changes };
    const written = decodeOk(encodeOk(changed, CLIENT_SESSION_TRACK), CLIENT_SESSION_TRACK);
    assert.equal(written.status, SERVER_SESSION_STATE_CHANGED);
    const plain = decodeOk(encodeOk({ ...changed, status: 0xffff }, 0n), 0n);
    assert.equal(plain.status & SERVER_SESSION_STATE_CHANGED, 0);
    assert.deepEqual(plain.changes, []);
  });

  it('refuses other headers and bytes behind the end', () => {
    assert.throws(() => decodeOk(Buffer.from('01', 'hex'), 0n), isMalformed(/header/));
    const trailing = Buffer.from('000000020000000000', 'hex');
    assert.throws(() => decodeOk(trailing, CLIENT_SESSION_TRACK), isMalformed(/left over/));
  });
});
