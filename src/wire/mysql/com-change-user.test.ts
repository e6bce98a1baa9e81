// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import { CLIENT_CONNECT_ATTRS, CLIENT_PLUGIN_AUTH } from './capabilities.ts';
import { type ComChangeUser, decodeComChangeUser, encodeComChangeUser } from './com-change-user.ts';

const capabilities = CLIENT_PLUGIN_AUTH | CLIENT_CONNECT_ATTRS;

describe('com-change-user', () => {
  checkCodec<ComChangeUser>({
    file: 'com-change-user',
    decode: decodeComChangeUser,
    encode: encodeComChangeUser,
    readOnly: ['MariaDB Node connector 3.5'],
    capabilities,
    messages: record({
      user: arbitrary.text,
      authResponse: arbitrary.challenge,
      database: arbitrary.text,
      charset: arbitrary.u16,
      authPlugin: arbitrary.text,
      attributes: arbitrary.attributes,
    }),
  });

  it('reads what stock drivers send', () => {
    for (const { payload } of MESSAGE_VECTORS['com-change-user'] ?? []) {
      const command = decodeComChangeUser(payload, capabilities);
      assert.deepEqual([command.user, command.database], ['app', 'shop']);
      assert.equal(command.authPlugin, 'mysql_native_password');
    }
  });

  it('may end behind the schema', () => {
    const command = decodeComChangeUser(Buffer.from('\x11u\0\0s\0'), capabilities);
    assert.equal(command.database, 's');
    assert.equal(command.charset, undefined);
    assert.equal(encodeComChangeUser(command, capabilities).toString(), '\x11u\0\0s\0');
  });
});
