// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { compileCluster } from '../../src/compile/istio/compile-cluster.ts';
import { artifactYaml } from '../../src/compile/istio/yaml.ts';
import { lintMesh } from '../../src/lint/lint-mesh.ts';
import { checkSources } from '../../src/policy/check.ts';
import { DIAGNOSTIC_CODES, type DiagnosticCode } from '../../src/policy/diagnostic.ts';
import { diagnosticsText } from '../../src/policy/diagnostic-text.ts';
import { lintDeclaration } from '../../src/policy/lint/lint-declaration.ts';
import type { Source } from '../../src/policy/parse.ts';
import { repositoryFile } from '../support/repository-file.ts';

const MAX_LINES = 150;
const NOW_MS = Date.UTC(2026, 0, 1);
const folder = repositoryFile('test/golden');
const cases = readdirSync(folder).filter((name) => name.startsWith('lint-'));

/** Codes of the two lints; those of `check` have cases of their own. */
const isOurs = (code: DiagnosticCode) =>
  /^(issuer-(mismatch|shared)|audience-|service-account-|display-name-conflict|declared-|target-ungranted|manifest-|istio-)/.test(
    code,
  );

function sourceOf(name: string, path: string): readonly Source[] {
  const file = join(folder, name, path);
  return existsSync(file) ? [{ path, text: readFileSync(file, 'utf8') }] : [];
}

function lint(name: string) {
  const [declaration, mesh] = [sourceOf(name, 'policy.yaml'), sourceOf(name, 'mesh.yaml')];
  const sources = [...declaration, ...mesh];
  const checked = declaration.length > 0 ? checkSources(declaration, { nowMs: NOW_MS }) : undefined;
  if (checked && !checked.policy) throw new Error(diagnosticsText(checked.diagnostics, sources));
  const found = [
    ...(checked?.policy ? lintDeclaration(checked.policy, checked.documents) : []),
    ...lintMesh(mesh, checked?.policy),
  ];
  return { sources, found, printed: diagnosticsText(found, sources) };
}

/** `GOLDEN=write npm test -- golden` rewrites the expected findings; review the difference. */
describe('golden findings of lint', () => {
  for (const name of cases) {
    it(name, () => {
      const { sources, printed } = lint(name);
      for (const { text } of sources) {
        assert.ok(text.split('\n').length <= MAX_LINES, `${name} is too long to review`);
      }
      const file = join(folder, name, 'findings.txt');
      if (process.env['GOLDEN'] === 'write') writeFileSync(file, printed);
      assert.equal(printed, existsSync(file) ? readFileSync(file, 'utf8') : '', `${file} differs`);
    });
  }

  it('finds nothing in what Postern itself renders', () => {
    const rendered = readdirSync(folder).filter((name) => name.startsWith('mesh-'));
    let objects = 0;
    for (const name of rendered) {
      const { policy } = checkSources(sourceOf(name, 'policy.yaml'), { nowMs: NOW_MS });
      assert.ok(policy);
      // All of them at once: which cluster an object is of stands in none of it.
      const artifacts = [...policy.clusters.values()].flatMap(
        (cluster) => compileCluster(policy, cluster, NOW_MS).artifacts,
      );
      objects += artifacts.length;
      const text = artifacts.map(artifactYaml).join('---\n');
      const found = lintMesh([{ path: 'rendered.yaml', text }], policy);
      const told = found.map(({ code, message }) => `${code}: ${message}`);
      assert.deepEqual(told, [], name);
    }
    assert.ok(objects > 20);
  });

  it('has a case for every finding', () => {
    const seen = new Set(cases.flatMap((name) => lint(name).found.map(({ code }) => code)));
    assert.deepEqual(
      DIAGNOSTIC_CODES.filter((code) => isOurs(code) && !seen.has(code)),
      [],
    );
  });
});
