// SPDX-License-Identifier: Apache-2.0
import { deepEqual, match, throws } from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { readClientPlace, saveClientPlace } from './client-profile.ts';

describe('client-profile', () => {
  const base = mkdtempSync(join(tmpdir(), 'postern-profile-'));
  const file = join(base, 'deep/connect.yaml');
  after(() => rmSync(base, { recursive: true, force: true }));

  it('is empty without a file, and keeps what is saved', () => {
    deepEqual(readClientPlace(file, 'orders'), {});
    saveClientPlace(file, 'orders', { gateway: 'db.example:3306', ca: '/etc/ca.pem' });
    saveClientPlace(file, 'data/bills', { gateway: 'db.example:3307', port: 13307 });
    deepEqual(readClientPlace(file, 'orders'), { gateway: 'db.example:3306', ca: '/etc/ca.pem' });
    deepEqual(readClientPlace(file, 'data/bills'), { gateway: 'db.example:3307', port: 13307 });
    deepEqual(readClientPlace(file, 'other'), {});
  });

  it('fills in the default, resolves paths beside itself, keeps comments', () => {
    writeFileSync(
      file,
      '# mine\ndefault: {gateway: "a:1", ca: ca.pem}\ntargets:\n  x: {port: 7} # x\n',
    );
    saveClientPlace(file, 'y', { gateway: 'b:2' });
    const ca = join(base, 'deep/ca.pem');
    deepEqual(readClientPlace(file, 'x'), { gateway: 'a:1', ca, port: 7 });
    deepEqual(readClientPlace(file, 'y'), { gateway: 'b:2', ca });
    match(readFileSync(file, 'utf8'), /^# mine\n.*# x\n/s);
  });

  it('refuses what it does not know, also before it writes', () => {
    const text = 'targets:\n  x: {gatway: "a:1"}\n';
    writeFileSync(file, text);
    throws(() => readClientPlace(file, 'x'), /line 2: .*gatway/);
    throws(() => saveClientPlace(file, 'y', {}), /gatway/);
    match(readFileSync(file, 'utf8'), /gatway/);
  });
});
