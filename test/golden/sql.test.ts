// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { desiredSql } from '../../src/compile/sql/desired.ts';
import { planStepText } from '../../src/compile/sql/plan-step.ts';
import { diagnosticsText } from '../../src/policy/diagnostic-text.ts';
import { loadPolicy } from '../../src/policy/load.ts';

/** Declaration -> statements and findings. `UPDATE_GOLDEN=1` rewrites what is expected. */
const ROOT = 'test/golden';

async function compile(directory: string): Promise<string> {
  const { policy, diagnostics, sources } = await loadPolicy(['policy.yaml'], { cwd: directory });
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
    it(name, async () => {
      const directory = join(ROOT, name);
      const file = join(directory, 'mariadb.sql');
      const made = await compile(directory);
      if (process.env['UPDATE_GOLDEN']) writeFileSync(file, made);
      equal(made, existsSync(file) ? readFileSync(file, 'utf8') : '', `${file} differs`);
      equal(await compile(directory), made, 'the output is not deterministic');
    });
  }
});
