// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Command } from 'commander';
import { registerCheck } from './check.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-check-'));
const API = 'apiVersion: postern.dev/v1alpha1';
const SOUND = `${API}
kind: Cluster
metadata: {name: prod}
spec: {bundle: {file: prod.pem}}
---
${API}
kind: Grant
metadata: {name: ops, namespace: postern-system}
spec: {subjects: [{serviceAccount: prod/ops/bot}], targetSelector: {matchLabels: {app: postern}}, role: operator}
`;
const expectation = (expect: string) => `---
${API}
kind: Expectation
metadata: {name: bot, namespace: postern-system}
spec: {as: workload/prod/ops/bot, to: postern, expect: ${expect}}
`;
const WARNING = `---
${API}
kind: Deny
metadata: {name: nobody}
spec: {subjects: [{any: user}], targets: {matchLabels: {app: none}}}
`;

/** Runs `postern check` in a directory with these files. */
async function check(files: Readonly<Record<string, string>>, ...argv: string[]) {
  const cwd = mkdtempSync(join(root, 'case-'));
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(join(cwd, path, '..'), { recursive: true });
    writeFileSync(join(cwd, path), text);
  }
  const printed: string[] = [];
  const print = (text: string) => printed.push(text);
  let code = -1;
  const program = new Command().exitOverride();
  const context = { cwd, env: {}, interactive: false, out: print, err: print };
  registerCheck(program, context, async (action) => {
    code = await action();
  });
  await program.parseAsync(['check', ...argv], { from: 'user' });
  return { code, text: printed.join('\n') };
}

describe('check', () => {
  after(() => rmSync(root, { recursive: true }));

  it('sums up a sound declaration and says what comes next', async () => {
    const { code, text } = await check({ 'policy/a.yaml': SOUND + expectation('Allow') });
    assert.equal(code, 0);
    assert.match(text, /^1 rule, 0 targets, 1 expectation holds\.\nNext: postern /);
  });

  it('fails when an expectation does not hold, with its line and the reason', async () => {
    const { code, text } = await check({ 'policy/a.yaml': SOUND + expectation('Deny') });
    assert.equal(code, 1);
    assert.match(text, /^policy\/a\.yaml:11:1: Expectation\/postern-system\/bot does not hold$/m);
    assert.match(text, /connecting is allowed by Grant\/postern-system\/ops/);
    assert.match(text, /1 of 1 expectation fails\.\nNext: postern explain --as workload/);
  });

  it('lets warnings pass unless it is strict', async () => {
    const files = { 'policy/a.yaml': SOUND + WARNING };
    const relaxed = await check(files);
    assert.equal(relaxed.code, 0);
    assert.match(relaxed.text, /warning\[deny-selects-nothing\][\s\S]*, 1 warning\./);
    assert.equal((await check(files, '--strict')).code, 1);
  });

  it('reports faults of all files at once', async () => {
    const files = { 'policy/a.yaml': 'kind: X\n', 'policy/b.yaml': `${API}\nkind: Grnat\n` };
    const { code, text } = await check(files);
    assert.equal(code, 2);
    assert.match(text, /policy\/a\.yaml:1:1: error\[api-version\]/);
    assert.match(text, /policy\/b\.yaml:2:7: error\[kind-unknown\]/);
    assert.match(text, /2 faults\. The declaration cannot be used\.$/);
  });

  it('finds the declaration through postern.yaml or its arguments', async () => {
    const settings =
      'policy: rules\nlisteners: [{name: a, address: "127.0.0.1:0", protocol: mysql, accept: MeshTls}]\n';
    const files = { 'postern.yaml': settings, 'rules/a.yaml': SOUND, 'policy/b.yaml': 'x: [' };
    assert.equal((await check(files)).code, 0);
    assert.equal((await check(files, 'policy')).code, 2);
    await assert.rejects(check({}), /begin with: postern init/);
  });

  it('prints JSON for tools', async () => {
    const sound = await check({ 'policy/a.yaml': SOUND + expectation('Deny') }, '--json');
    const report = JSON.parse(sound.text);
    assert.match(report.revision, /^[0-9a-f]{64}$/);
    assert.deepEqual(report.counts, { rules: 1, targets: 0, expectations: 1 });
    assert.equal(report.expectations[0].held, false);
    assert.equal(report.expectations[0].rule.name, 'Expectation/postern-system/bot');
    const broken = JSON.parse((await check({ 'policy/a.yaml': 'kind: X' }, '--json')).text);
    assert.deepEqual(Object.keys(broken.diagnostics[0]).sort(), [
      'code',
      'column',
      'file',
      'line',
      'message',
      'remedy',
      'severity',
    ]);
  });
});
