// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  CLIENT_MYSQL,
  CLIENT_REMEMBER_OPTIONS,
  CLIENT_SSL,
  capabilityNames,
  hasCapability,
  joinCapabilities,
  MARIADB_CLIENT_PROGRESS,
  splitCapabilities,
} from './capabilities.ts';

describe('capabilities', () => {
  it('joins MariaDB flags only when CLIENT_MYSQL is not set', () => {
    assert.equal(joinCapabilities(0x800, 1), CLIENT_SSL | MARIADB_CLIENT_PROGRESS);
    assert.equal(joinCapabilities(0x801, 1), CLIENT_SSL | CLIENT_MYSQL);
  });

  it('splits into unsigned halves', () => {
    const flags = CLIENT_REMEMBER_OPTIONS | MARIADB_CLIENT_PROGRESS;
    assert.deepEqual(splitCapabilities(flags), { base: 0x8000_0000, mariadb: 1 });
  });

  it('names what it knows and numbers the rest', () => {
    const names = capabilityNames(CLIENT_SSL | (1n << 60n));
    assert.deepEqual(names, ['CLIENT_SSL', 'bit 60']);
  });

  it('needs every bit of a set', () => {
    assert.equal(hasCapability(CLIENT_SSL, CLIENT_SSL | CLIENT_MYSQL), false);
  });
});
