// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import {
  CLIENT_CONNECT_ATTRS,
  CLIENT_CONNECT_WITH_DB,
  CLIENT_MYSQL,
  CLIENT_PLUGIN_AUTH,
  CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA,
  CLIENT_PROTOCOL_41,
  MARIADB_CLIENT_CACHE_METADATA,
} from './capabilities.ts';
import { decodeHandshakeResponse, encodeHandshakeResponse } from './handshake-response.ts';

const vector = (name: string) => {
  const found = MESSAGE_VECTORS['handshake-response']?.find((each) => each.name.includes(name));
  return decodeHandshakeResponse(found?.payload ?? Buffer.alloc(0));
};

const everything =
  CLIENT_PROTOCOL_41 |
  CLIENT_CONNECT_WITH_DB |
  CLIENT_PLUGIN_AUTH |
  CLIENT_CONNECT_ATTRS |
  CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA;

describe('handshake-response', () => {
  checkCodec({
    file: 'handshake-response',
    decode: decodeHandshakeResponse,
    encode: encodeHandshakeResponse,
    // Its length of the attributes takes the three-byte form where one byte would do.
    readOnly: ['MariaDB Node connector 3.5'],
    messages: record({
      capabilities: fc.constantFrom(everything, everything | MARIADB_CLIENT_CACHE_METADATA),
      maxPacketBytes: arbitrary.u32,
      charset: arbitrary.u8,
      user: arbitrary.text,
      authResponse: arbitrary.bytes,
      database: arbitrary.text.filter((text) => text !== ''),
      authPlugin: arbitrary.text,
      attributes: arbitrary.attributes,
    }),
  });

  it('reads the logins of stock drivers', () => {
    const commandLine = vector('command line');
    assert.equal(commandLine.user, 'app');
    assert.equal(commandLine.database, 'shop');
    assert.equal(commandLine.attributes['program_name'], 'mysql');
    assert.equal(vector('mysql2').attributes['_client_name'], 'Node-MySQL-2');
    assert.equal(vector('connector').attributes['_client_name'], 'MariaDB connector/Node');
  });

  it('takes the last reserved bytes for capabilities only when CLIENT_MYSQL is not set', () => {
    const head = { maxPacketBytes: 0, charset: 45, user: '', authResponse: Buffer.alloc(0) };
    const rest = { authPlugin: '', attributes: {} };
    const mariadb = everything | MARIADB_CLIENT_CACHE_METADATA;
    const bytes = encodeHandshakeResponse({ ...head, ...rest, capabilities: mariadb });
    assert.equal(decodeHandshakeResponse(bytes).capabilities, mariadb);
    bytes[0] = (bytes[0] ?? 0) | 1;
    assert.equal(decodeHandshakeResponse(bytes).capabilities, everything | CLIENT_MYSQL);
  });

  it('refuses the login of before 4.1', () => {
    const old = Buffer.from('85240000006f6c6400474453435159525f', 'hex');
    assert.throws(() => decodeHandshakeResponse(old), isMalformed(/CLIENT_PROTOCOL_41/));
  });

  it('keeps the first of two attributes with one name', () => {
    const head = { maxPacketBytes: 0, charset: 45, user: '', authResponse: Buffer.alloc(0) };
    const attributes = { a: '1', b: '2' };
    const message = { ...head, authPlugin: '', attributes, capabilities: everything };
    const bytes = encodeHandshakeResponse(message);
    bytes[bytes.lastIndexOf('b')] = 0x61;
    assert.deepEqual(decodeHandshakeResponse(bytes).attributes, { a: '1' });
  });

  it('refuses attributes whose pairs cross their own end', () => {
    const attributes = { ab: 'cd' };
    const head = { maxPacketBytes: 0, charset: 45, user: '', authResponse: Buffer.alloc(0) };
    const bytes = encodeHandshakeResponse({
      ...{ ...head, authPlugin: '', attributes, capabilities: everything },
    });
    bytes[bytes.length - 7] = 5;
    assert.throws(() => decodeHandshakeResponse(bytes), isMalformed(/crosses the end/));
  });
});
