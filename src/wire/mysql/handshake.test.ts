// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import {
  CLIENT_MYSQL,
  CLIENT_PLUGIN_AUTH,
  CLIENT_SECURE_CONNECTION,
  hasCapability,
  MARIADB_CLIENT_CACHE_METADATA,
} from './capabilities.ts';
import { decodeHandshake, encodeHandshake, plainServerVersion } from './handshake.ts';

const always = CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH;

describe('handshake', () => {
  checkCodec({
    file: 'handshake',
    decode: decodeHandshake,
    encode: encodeHandshake,
    readOnly: ['MySQL 5.5.2-m2'],
    messages: record({
      serverVersion: arbitrary.text,
      connectionId: arbitrary.u32,
      authData: arbitrary.challenge,
      capabilities: arbitrary.u64.map((flags) =>
        flags & CLIENT_MYSQL ? (flags & 0xffff_ffffn) | always : flags | always,
      ),
      charset: arbitrary.u8,
      status: arbitrary.u16,
      authPlugin: arbitrary.text,
    }),
  });

  it('reads what the documents say of MySQL 5.5.2', () => {
    const payload = MESSAGE_VECTORS['handshake']?.[0]?.payload ?? Buffer.alloc(0);
    const greeting = decodeHandshake(payload);
    assert.equal(greeting.serverVersion, '5.5.2-m2');
    assert.equal(greeting.connectionId, 11);
    assert.equal(greeting.capabilities, 0xf7ffn);
    assert.equal(greeting.authData.toString(), 'dvH@I-CJ*4d|cZwk4^]:');
    assert.equal(greeting.authPlugin, '');
  });

  it('reads the extended capabilities of MariaDB', () => {
    const payload = MESSAGE_VECTORS['handshake']?.[1]?.payload ?? Buffer.alloc(0);
    const greeting = decodeHandshake(payload);
    assert.ok(hasCapability(greeting.capabilities, MARIADB_CLIENT_CACHE_METADATA));
    assert.ok(!hasCapability(greeting.capabilities, CLIENT_MYSQL));
    assert.equal(greeting.authPlugin, 'mysql_native_password');
    assert.equal(greeting.authData.length, 20);
  });

  it('refuses protocol versions other than 10', () => {
    assert.throws(() => decodeHandshake(Buffer.from([9, 0x34, 0])), isMalformed(/version 9/));
  });

  it('takes the replication prefix off MariaDB versions only', () => {
    assert.equal(plainServerVersion('5.5.5-10.11.19-MariaDB'), '10.11.19-MariaDB');
    assert.equal(plainServerVersion('5.5.5-m3'), '5.5.5-m3');
    assert.equal(plainServerVersion('11.4.2-MariaDB'), '11.4.2-MariaDB');
  });
});
