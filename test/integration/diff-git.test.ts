// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { registerDiff } from '../../src/cli/commands/diff.ts';
import { runCommand } from '../support/command-run.ts';
import { repositoryFile } from '../support/repository-file.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-diff-'));

function git(...args: string[]): void {
  const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.invalid'];
  execFileSync('git', [...identity, ...args], { cwd: root, stdio: 'pipe' });
}

function edit(file: string, from: string | RegExp, to: string): void {
  const path = join(root, 'policy', file);
  const text = readFileSync(path, 'utf8');
  assert.notEqual(text.replace(from, to), text);
  writeFileSync(path, text.replace(from, to));
}

function diff(...argv: string[]) {
  return runCommand(registerDiff, root, ['diff', ...argv]);
}

describe('diff', () => {
  before(() => {
    cpSync(repositoryFile('examples/shop'), join(root, 'policy'), { recursive: true });
    git('init', '--quiet', '--initial-branch', 'main');
    git('add', '-A');
    git('commit', '--quiet', '-m', 'first');
  });
  after(() => rmSync(root, { recursive: true, force: true }));

  it('finds nothing while nothing has changed', async () => {
    const { code, out } = await diff('main');
    assert.deepEqual([code, out], [0, 'Nobody gains or loses anything against main.']);
  });

  it('tells who gains and loses against a commit, with rule, place and witness', async () => {
    edit('rules.yaml', '"22:00"', '"23:00"');
    edit('rules.yaml', 'role: migrator', 'role: reader');
    const { code, out } = await diff('HEAD');
    assert.equal(code, 1);
    assert.match(out, /\+ gains {2}workload\/prod-weu\/payments\/checkout/);
    assert.match(out, /in more situations than before/);
    assert.match(out, /by Grant\/data-orders\/checkout-writes policy\/rules\.yaml:\d+/);
    assert.match(out, /- loses {2}.*payments-pr-17/);
    assert.match(out, /e\.g\. workload\/.*condition-not-met -> allowed/);
  });

  it('prints a table for a pull request, and JSON', async () => {
    const { out } = await diff('HEAD', '--markdown');
    assert.match(out, /^### Access changes: \d+ gained, \d+ lost\n/);
    assert.match(out, /\n\| gains \| workload\/prod-weu\/payments\/checkout/);
    const json = JSON.parse((await diff('HEAD', '--json')).out);
    assert.deepEqual(json.undecided, []);
    assert.ok(json.changes.every((one: { witness: object }) => 'principal' in one.witness));
  });

  it('compares with a directory as well', async () => {
    const { code } = await diff(repositoryFile('examples/shop'));
    assert.equal(code, 1);
  });

  it('refuses what is no commit, also when it looks like an option', async () => {
    assert.match((await diff('no-such-branch')).thrown ?? '', /neither a path here nor a commit/);
    const { thrown } = await diff('--', '--output=/tmp/postern-must-not-exist');
    assert.match(thrown ?? '', /neither a path here nor a commit/);
  });

  it('shows the faults of either side', async () => {
    edit('rules.yaml', 'role: reader', 'role: nobody-knows');
    const { thrown, err } = await diff('HEAD');
    assert.match(thrown ?? '', /1 fault/);
    assert.match(err, /role-unknown/);
  });

  it('says when the commit has no declaration there', async () => {
    const { thrown } = await diff('HEAD', '--policy', 'elsewhere');
    assert.match(thrown ?? '', /no declaration elsewhere in HEAD/);
  });
});
