// SPDX-License-Identifier: Apache-2.0
import { type Difference, isRemoval } from '../compile/sql/difference.ts';
import type { Scope } from '../compile/sql/managed.ts';
import type { ObservedState } from '../compile/sql/observed.ts';
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

export interface ApplyDatabaseOptions {
  /** `additions`: what is no longer declared stays for now. */
  readonly part?: 'additions' | 'everything';
  /** Other steps are left for another time. */
  only?(step: Difference): boolean;
  progress?(step: Difference): void;
}

/**
 * Brings the server to what is declared. After every round it looks again, so it may be ended at
 * any statement: the next run begins with what is there. Nothing is done while something is
 * blocked. Rejects as `observe` does, or with the server's error.
 */
export async function applyDatabase(
  connection: AdminConnection,
  scope: Scope,
  { part = 'everything', only = () => true, progress }: ApplyDatabaseOptions = {},
): Promise<ApplyReport> {
  const done: Difference[] = [];
  const missing = new Map<string, { difference: Difference; problem: string }>();
  await connection.query(PROCEDURE_SESSION);
  let { plan } = await settledPlan(connection, scope);
  for (let round = 0; round < MOST_ROUNDS && plan.blocked.length === 0; round += 1) {
    const steps = plan.steps
      .filter((step) => !missing.has(key(step)) && only(step))
      .filter((step) => part === 'everything' || !isRemoval(step));
    if (steps.length === 0) break;
    for (const step of steps) {
      const problem = await run(connection, step);
      progress?.(step);
      if (problem === undefined) done.push(step);
      else missing.set(key(step), { difference: step, problem });
    }
    ({ plan } = await settledPlan(connection, scope));
  }
  return { done, missing: [...missing.values()], left: plan };
}

/** A lease that is being lent or ended: the registry is written before what it stands for. */
const PASSING = /^(lease|composite)-/;

/**
 * The plan, in which what may be gone in a moment was seen twice. Rejects as `observe` does.
 */
export async function settledPlan(
  connection: AdminConnection,
  scope: Scope,
): Promise<{ readonly plan: DatabasePlan; readonly observed: ObservedState }> {
  const look = async () => {
    const observed = await observe(connection, scope.target.id);
    return { plan: planDatabase(scope, observed), observed };
  };
  const first = await look();
  if (!first.plan.steps.some(({ code }) => PASSING.test(code))) return first;
  const seen = new Set(first.plan.steps.map(key));
  const { plan, observed } = await look();
  const steps = plan.steps.filter((step) => !PASSING.test(step.code) || seen.has(key(step)));
  return { plan: { ...plan, steps }, observed };
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
