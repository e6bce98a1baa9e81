// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkSources } from '../../src/policy/check.ts';
import type { DiagnosticCode } from '../../src/policy/diagnostic.ts';
import { diagnosticsText } from '../../src/policy/diagnostic-text.ts';
import { lintDeclaration } from '../../src/policy/lint/lint-declaration.ts';
import { repositoryFile } from '../support/repository-file.ts';

const MAX_LINES = 150;
const NOW_MS = Date.UTC(2026, 0, 1);
const folder = repositoryFile('test/golden');
const cases = readdirSync(folder).filter((name) => name.startsWith('lint-'));

const DECLARATION: readonly DiagnosticCode[] = [
  'issuer-mismatch',
  'audience-mismatch',
  'audience-shared',
  'issuer-shared',
  'service-account-shared',
  'service-account-default',
  'display-name-conflict',
  'declared-unused',
  'target-ungranted',
];

function lint(name: string) {
  const path = 'policy.yaml';
  const sources = [{ path, text: readFileSync(join(folder, name, path), 'utf8') }];
  const { policy, diagnostics, documents } = checkSources(sources, { nowMs: NOW_MS });
  if (!policy) throw new Error(diagnosticsText(diagnostics, sources));
  const found = lintDeclaration(policy, documents);
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

  it('has a case for every finding', () => {
    const seen = new Set(cases.flatMap((name) => lint(name).found.map(({ code }) => code)));
    assert.deepEqual(
      DECLARATION.filter((code) => !seen.has(code)),
      [],
    );
  });
});
