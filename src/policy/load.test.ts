// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { loadPolicy } from './load.ts';
import { MAX_FILE_BYTES } from './parse.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-load-'));

function directory(files: Readonly<Record<string, string | Uint8Array>>): string {
  const cwd = mkdtempSync(join(root, 'case-'));
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(join(cwd, path, '..'), { recursive: true });
    writeFileSync(join(cwd, path), content);
  }
  return cwd;
}

const cluster = (name: string) =>
  `apiVersion: postern.dev/v1alpha1\nkind: Cluster\nmetadata: {name: ${name}}\nspec: {bundle: {file: ${name}.pem}}\n`;

describe('load', () => {
  after(() => rmSync(root, { recursive: true }));

  it('reads files and whole directories, each once, in sorted order', async () => {
    const cwd = directory({
      'policy/b.yaml': cluster('b'),
      'policy/a/x.yml': cluster('x'),
      'policy/README.md': 'no declaration',
      'policy/.hidden.yaml': 'broken: [',
      'policy/..data/c.yaml': 'broken: [',
    });
    const { policy, sources } = await loadPolicy(['policy', 'policy/b.yaml'], { cwd });
    assert.deepEqual(
      sources.map(({ path }) => path),
      ['policy/a/x.yml', 'policy/b.yaml'],
    );
    assert.deepEqual([...(policy?.clusters.keys() ?? [])].sort(), ['b', 'x']);
  });

  it('takes relative files from the file that names them, wherever it is called from', async () => {
    const cwd = directory({ 'policy/a/x.yaml': cluster('x') });
    const path = join(cwd, 'policy/a/x.pem');
    const here = await loadPolicy(['policy'], { cwd });
    const there = await loadPolicy([join(cwd, 'policy')], { cwd: tmpdir() });
    assert.deepEqual(here.policy?.clusters.get('x')?.bundle, { from: 'file', path });
    assert.deepEqual(there.policy?.clusters.get('x')?.bundle, { from: 'file', path });
    assert.equal(here.policy?.revision, there.policy?.revision);
  });

  it('reports what it cannot read beside everything else', async () => {
    const cwd = directory({
      'policy/a.yaml': 'apiVersion: v0\nkind: X\n',
      'policy/b.yaml': new Uint8Array([0x61, 0x3a, 0x20, 0xff]),
      'policy/c.yaml': ' '.repeat(MAX_FILE_BYTES + 1),
    });
    const { policy, diagnostics } = await loadPolicy(['missing', 'policy'], { cwd });
    assert.equal(policy, undefined);
    assert.deepEqual(
      diagnostics.map(({ code, file }) => `${code} ${file}`),
      [
        'file-unreadable missing',
        'file-unreadable policy/b.yaml',
        'file-unreadable policy/c.yaml',
        'api-version policy/a.yaml',
      ],
    );
  });

  it('finds one root certificate in two bundles of a trust domain', async () => {
    const pem = (body: string) =>
      `-----BEGIN CERTIFICATE-----\n${body}\n-----END CERTIFICATE-----\n`;
    const documents = `${cluster('a')}---\n${cluster('b')}---\n${cluster('c')}`;
    const cwd = directory({
      'policy/all.yaml': documents.replace(
        'spec: {bundle: {file: c',
        'spec: {trustDomain: c.example, bundle: {file: c',
      ),
      'policy/a.pem': pem('AAAA') + pem('BBBB'),
      'policy/b.pem': pem('CCCC') + pem('BB\nBB'),
      'policy/c.pem': pem('BBBB'),
    });
    const { policy, diagnostics } = await loadPolicy(['policy'], { cwd });
    assert.equal(policy, undefined);
    assert.deepEqual(
      diagnostics.map(({ code, line }) => `${code} ${line}`),
      ['cluster-indistinguishable 6'],
    );
  });

  it('does not take an empty directory for a declaration that denies all', async () => {
    const cwd = directory({ 'policy/README.md': '', 'other/empty.yaml': '# nothing\n' });
    for (const path of ['policy', 'other']) {
      const { policy, diagnostics } = await loadPolicy([path], { cwd });
      assert.equal(policy, undefined);
      assert.deepEqual(
        diagnostics.map(({ code }) => code),
        ['nothing-declared'],
      );
    }
  });
});
