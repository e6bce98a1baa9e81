// SPDX-License-Identifier: Apache-2.0
import type { Difference } from '../compile/sql/difference.ts';
import type { Scope } from '../compile/sql/managed.ts';
import { type DatabasePlan, planDatabase } from '../compile/sql/plan.ts';
import { PosternError } from '../model/errors.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import { observe } from './observe.ts';
import { PROCEDURE_SESSION } from './procedures.ts';

/** Unknown schema, table, view column, column or routine: the declaration is ahead of the target. */
const MISSING_OBJECT_ERRNOS = new Set([1049, 1054, 1146, 1305, 1356]);
/** What is no longer declared goes in two; one more for what changed meanwhile. */
const MOST_ROUNDS = 4;

export interface ApplyReport {
  readonly done: readonly Difference[];
  /** Something the declaration names does not exist on the target (yet). */
  readonly missing: readonly { readonly difference: Difference; readonly problem: string }[];
  /** What is left, as a last look found it. */
  readonly left: DatabasePlan;
}

/**
 * Brings the server to what is declared. After every round it looks again, so it may be ended at
 * any statement: the next run begins with what is there. Nothing is done while something is
 * blocked. Rejects as `observe` does, or with the server's error.
 */
export async function applyDatabase(
  connection: AdminConnection,
  scope: Scope,
  progress: (step: Difference) => void = () => undefined,
): Promise<ApplyReport> {
  const done: Difference[] = [];
  const missing = new Map<string, { difference: Difference; problem: string }>();
  await connection.query(PROCEDURE_SESSION);
  let plan = planDatabase(scope, await observe(connection, scope.target.id));
  for (let round = 0; round < MOST_ROUNDS && plan.blocked.length === 0; round += 1) {
    const steps = plan.steps.filter((step) => !missing.has(key(step)));
    if (steps.length === 0) break;
    for (const step of steps) {
      progress(step);
      const problem = await run(connection, step);
      if (problem === undefined) done.push(step);
      else missing.set(key(step), { difference: step, problem });
    }
    plan = planDatabase(scope, await observe(connection, scope.target.id));
  }
  return { done, missing: [...missing.values()], left: plan };
}

function key({ code, place }: Difference): string {
  return `${code} ${place}`;
}

/** What it lacks, if something does not exist; the step's other statements are run all the same. */
async function run(connection: AdminConnection, step: Difference): Promise<string | undefined> {
  let problem: string | undefined;
  for (const statement of step.statements) {
    try {
      await connection.query(statement);
    } catch (error) {
      if (!(error instanceof PosternError) || error.code !== 'target-error') throw error;
      if (!MISSING_OBJECT_ERRNOS.has(Number(error.facts['errno']))) throw error;
      problem ??= String(error.facts['problem']);
    }
  }
  return problem;
}
