// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { PolicyStore } from './policy-store.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-policies-'));
const store = new PolicyStore(directory);
const revision = 'b'.repeat(64);
const NOW = Date.UTC(2027, 0, 1);
const sources = [{ path: 'policy/a.yaml', text: 'kind: Grant\n' }];

describe('PolicyStore', () => {
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('keeps a revision once, as it first came', () => {
    const hash = store.save(revision, sources, NOW);
    const again = store.save(
      revision,
      [{ path: 'policy/a.yaml', text: '# comment\nkind: Grant\n' }],
      NOW,
    );
    const file = readFileSync(join(directory, 'policies', `${revision}.json`));
    assert.equal(hash, createHash('sha256').update(file).digest('hex'));
    assert.equal(again, hash);
    assert.deepEqual(store.load(revision), sources);
    assert.deepEqual(readdirSync(join(directory, 'policies')), [`${revision}.json`]);
  });

  it('knows nothing of a revision that was never saved', () => {
    assert.equal(store.load('d'.repeat(64)), undefined);
  });

  it('refuses a file that is something else, and a revision that is no hash', () => {
    const other = 'e'.repeat(64);
    writeFileSync(join(directory, 'policies', `${other}.json`), '{"revision":"x"}');
    assert.throws(() => store.load(other), { code: 'audit-corrupt' });
    assert.throws(() => store.load('../../etc/passwd'), { code: 'audit-corrupt' });
  });

  it('throws when it cannot write', () => {
    writeFileSync(join(directory, 'file'), '');
    const broken = new PolicyStore(join(directory, 'file'));
    assert.throws(() => broken.save(revision, sources, NOW), { code: 'audit-unwritable' });
  });
});
