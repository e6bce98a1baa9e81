// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { desiredSql } from '../../src/compile/sql/desired.ts';
import { planStepText } from '../../src/compile/sql/plan-step.ts';
import { checkSources } from '../../src/policy/check.ts';
import { diagnosticsText } from '../../src/policy/diagnostic-text.ts';

/** Declaration -> statements and findings. `GOLDEN=write npm test -- golden` rewrites what is expected. */
const ROOT = 'test/golden';
const FORMS = ['mariadb', 'mysql'] as const;

/** The declarations are of a MariaDB; a MySQL is declared with the same words. */
function compile(directory: string, form: (typeof FORMS)[number]): string {
  const declared = readFileSync(join(directory, 'policy.yaml'), 'utf8');
  const text = declared.replace('\n  mariadb:\n', `\n  ${form}:\n`);
  const sources = [{ path: 'policy.yaml', text }];
  const { policy, diagnostics } = checkSources(sources);
  const target = policy?.targets.get('data/orders');
  if (!policy || !target) throw new Error(diagnosticsText(diagnostics, sources));
  const { steps, findings } = desiredSql(policy, target);
  const notes = findings.map(
    ({ severity, rule, message, remedy }) =>
      `-- ${severity} at line ${rule.position.line}: ${message} ${remedy}`,
  );
  return [...steps.map(planStepText), ...notes, ''].join('\n');
}

describe('golden sql', () => {
  for (const name of readdirSync(ROOT).filter((entry) => entry.startsWith('sql-'))) {
    for (const form of FORMS) {
      it(`${name}, ${form}`, () => {
        const directory = join(ROOT, name);
        const file = join(directory, `${form}.sql`);
        const made = compile(directory, form);
        if (process.env['GOLDEN'] === 'write') writeFileSync(file, made);
        equal(made, existsSync(file) ? readFileSync(file, 'utf8') : '', `${file} differs`);
        equal(compile(directory, form), made, 'the output is not deterministic');
      });
    }
  }
});
