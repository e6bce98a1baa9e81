// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { KINDS } from '../src/policy/document/kind.ts';
import { TARGET_FORMS } from '../src/policy/document/target.ts';
import { runExpectations } from '../src/policy/expectation.ts';
import { loadPolicy } from '../src/policy/load.ts';
import { agrees } from '../src/prove/proof.ts';
import { jsYaml } from './support/js-yaml.ts';
import { asDeclared, PROOF_NOW_MS, proofOf } from './support/proof-world.ts';
import { repositoryFile } from './support/repository-file.ts';

const NOW_MS = Date.UTC(2026, 0, 15, 12);
const folder = repositoryFile('examples');
const declarations = readdirSync(folder, { withFileTypes: true })
  .filter((entry) => entry.isDirectory())
  .map(({ name }) => name);
const files = readdirSync(folder, { recursive: true, encoding: 'utf8' })
  .filter((name) => /\.ya?ml$/.test(name))
  .map((name) => join(folder, name));

const readWith = (text: string, version: '1.1' | '1.2') =>
  parseAllDocuments(text, { version }).map((document) => document.toJS());

describe('examples', () => {
  for (const name of declarations) {
    it(`${name} checks clean, and its expectations hold`, async () => {
      const { policy, diagnostics } = await loadPolicy([name], { cwd: folder, nowMs: NOW_MS });
      const faults = diagnostics.filter(({ code }) => code !== 'target-not-served');
      assert.deepEqual(faults, []);
      assert.ok(policy && policy.expectations.length > 0);
      const failed = runExpectations(policy, NOW_MS).filter(({ held }) => !held);
      assert.deepEqual(failed, []);
    });
  }

  for (const name of declarations) {
    it(`${name} is held by gateway, mesh and database alike`, async () => {
      const { policy } = await loadPolicy([name], { cwd: folder, nowMs: PROOF_NOW_MS });
      assert.ok(policy);
      const proof = proofOf(asDeclared(policy));
      assert.deepEqual(proof.counterExamples, []);
      assert.ok(agrees(proof), JSON.stringify(proof.layers));
    });
  }

  it('read the same in YAML 1.1, in YAML 1.2 and by another parser', () => {
    assert.ok(files.length > 5);
    for (const file of files) {
      const text = readFileSync(file, 'utf8');
      const second = readWith(text, '1.2');
      assert.deepEqual(readWith(text, '1.1'), second, file);
      assert.deepEqual(jsYaml.loadAll(text), second, file);
    }
  });

  it('show every kind and every form of Target', () => {
    const text = files.map((file) => readFileSync(file, 'utf8')).join('\n');
    for (const kind of KINDS) assert.match(text, new RegExp(`^kind: ${kind}$`, 'm'));
    for (const form of TARGET_FORMS) assert.match(text, new RegExp(`^  ${form}:`, 'm'));
  });
});
