// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, notEqual, throws } from 'node:assert/strict';
import { createHmac, randomBytes } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { openHashKeys, readHashKeys } from './hash-key.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-hash-key-'));
const path = join(directory, 'key');
const statement = Buffer.from('SELECT 1');

describe('hash-key', () => {
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('makes a key once, private, and hashes with HMAC-SHA-256', () => {
    const hash = openHashKeys(path).hash(statement);
    equal(statSync(path).mode & 0o777, 0o600);
    equal(openHashKeys(path).hash(statement), hash);
    const key = Buffer.from(readFileSync(path, 'utf8'), 'base64');
    const [id = '', digest] = hash.split(':');
    match(id, /^[0-9a-f]{8}$/);
    equal(digest, createHmac('sha256', key).update(statement).digest('hex'));
    const shown = inspect(openHashKeys(path), { depth: 9, showHidden: true });
    equal(shown.includes(key.toString('base64').slice(0, 8)), false);
  });

  it('hashes with the last key and searches with all', () => {
    const before = openHashKeys(path).hash(statement);
    appendFileSync(path, `${randomBytes(32).toString('base64')}\n`);
    const keys = readHashKeys(path);
    notEqual(keys.hash(statement), before);
    deepEqual(keys.hashes(statement), [keys.hash(statement), before]);
  });

  it('refuses a file that others can read, or that holds something else', () => {
    chmodSync(path, 0o644);
    throws(() => openHashKeys(path), /mode 644/);
    const other = join(directory, 'other');
    writeFileSync(other, 'password\n', { mode: 0o600 });
    throws(() => openHashKeys(other), { code: 'file-unreadable' });
    throws(() => readHashKeys(join(directory, 'none')), { code: 'file-unreadable' });
  });
});
