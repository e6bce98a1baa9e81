// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { checkSources } from '../../src/policy/check.ts';
import { DIAGNOSTIC_CODES, type DiagnosticCode } from '../../src/policy/diagnostic.ts';
import { diagnosticsText } from '../../src/policy/diagnostic-text.ts';
import { repositoryFile } from '../support/repository-file.ts';

const MAX_LINES = 150;
const NOW_MS = Date.UTC(2026, 0, 1);
const folder = repositoryFile('test/golden');
const cases = readdirSync(folder).filter((name) => name.startsWith('check-'));

const ELSEWHERE: readonly DiagnosticCode[] = [
  // Faults of the file system, and the size limit: src/policy/load.test.ts and parse.test.ts.
  'file-unreadable',
  'file-too-large',
  'nothing-declared',
  // Findings about rules in company: test/oracle/lint-rules.test.ts.
  'rule-dead',
  'rule-shadowed',
  'grant-denied',
  'rules-undecided',
  // Of the mesh: test/golden/mesh.test.ts.
  'mesh-gateway-missing',
  'mesh-version',
  'mesh-name-clash',
  'mesh-unenforceable',
  'mesh-database-open',
];

/** Findings of `check` about what is valid, and about a mesh: test/golden/lint.test.ts. */
const OF_LINT =
  /^(issuer-(mismatch|shared)|audience-|service-account-|display-name-conflict|declared-|target-ungranted|manifest-|istio-)/;
const isElsewhere = (code: DiagnosticCode) => ELSEWHERE.includes(code) || OF_LINT.test(code);

function report(name: string) {
  const text = readFileSync(join(folder, name, 'policy.yaml'), 'utf8');
  const sources = [{ path: 'policy.yaml', text }];
  const { diagnostics } = checkSources(sources, { nowMs: NOW_MS });
  return { text, diagnostics, printed: diagnosticsText(diagnostics, sources) };
}

/** `GOLDEN=write npm test -- golden` rewrites the expected reports; review the difference. */
describe('golden reports of check', () => {
  for (const name of cases) {
    it(name, () => {
      const { text, printed } = report(name);
      assert.ok(text.split('\n').length <= MAX_LINES, `${name} is too long to review`);
      const file = join(folder, name, 'diagnostics.txt');
      if (process.env['GOLDEN'] === 'write') writeFileSync(file, printed);
      assert.ok(existsSync(file), `${file} is missing`);
      assert.equal(printed, readFileSync(file, 'utf8'));
    });
  }

  it('has a case for every code', () => {
    const seen = new Set(cases.flatMap((name) => report(name).diagnostics.map((one) => one.code)));
    const missing = DIAGNOSTIC_CODES.filter((code) => !seen.has(code) && !isElsewhere(code));
    assert.deepEqual(missing, []);
  });

  it('points into the file with every diagnostic', () => {
    for (const name of cases) {
      const { text, diagnostics } = report(name);
      const lines = text.split('\n');
      for (const { line, column, code } of diagnostics) {
        const found = lines[line - 1];
        assert.ok(found !== undefined && column <= found.length + 1, `${name}: ${code} ${line}`);
      }
    }
  });
});
