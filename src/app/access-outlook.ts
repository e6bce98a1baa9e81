// SPDX-License-Identifier: Apache-2.0
import { recordedPolicy } from '../broker/declaration-record.ts';
import type { AppliedRecord } from '../compile/sql/observed.ts';
import type { DatabasePlan, EffectiveChange } from '../compile/sql/plan.ts';
import { type AccessChange, diffPolicies } from '../policy/compare.ts';
import type { Policy } from '../policy/policy.ts';
import type { SettingChange } from '../policy/setting-changes.ts';

/**
 * Who gains and who loses what by an apply: the declaration that each database was brought to last,
 * against the one at hand; and what holders of a role can do now although no declaration says so.
 */
export interface AccessOutlook {
  readonly changes: readonly AccessChange[];
  /** Limits, guardrails, who vouches. */
  readonly settings: readonly SettingChange[];
  /** Targets about which nothing is claimed, and why. */
  readonly undecided: readonly { readonly target: string; readonly why: string }[];
  /** Targets on which nothing was noted: all that is declared counts as gained. */
  readonly unrecorded: readonly string[];
  readonly repairs: readonly (EffectiveChange & { readonly target: string })[];
}

const TOO_MANY = 'too many combinations';
const UNREADABLE = 'what was applied before is noted in a form this build does not read';

export interface PlannedDatabase {
  readonly plan: DatabasePlan;
  /** Absent: neither bootstrap nor apply noted anything. */
  readonly applied?: AppliedRecord;
}

/** `databases` by Target id; files that an earlier declaration names are taken to be below `cwd`. */
export function accessOutlook(
  policy: Policy,
  databases: ReadonlyMap<string, PlannedDatabase>,
  { nowMs, cwd }: { readonly nowMs: number; readonly cwd: string },
): AccessOutlook {
  const changes: AccessChange[] = [];
  const settings = new Map<string, SettingChange>();
  const undecided: AccessOutlook['undecided'][number][] = [];
  const repairs: AccessOutlook['repairs'][number][] = [];
  const unrecorded: string[] = [];
  const byRecord = new Map<string | undefined, Set<string>>();
  for (const [target, { plan, applied }] of databases) {
    if (!applied) unrecorded.push(target);
    if (applied?.revision === policy.revision) {
      repairs.push(...plan.access.map((change) => ({ ...change, target })));
      continue;
    }
    const targets = byRecord.get(applied?.declaration) ?? new Set();
    byRecord.set(applied?.declaration, targets.add(target));
  }
  for (const [packed, targets] of byRecord) {
    const before = packed === undefined ? nobody(policy) : recordedPolicy(packed, cwd);
    if (!before) {
      undecided.push(...[...targets].map((target) => ({ target, why: UNREADABLE })));
      continue;
    }
    const diff = diffPolicies(before, policy, { nowMs, targets });
    changes.push(...diff.changes);
    undecided.push(...diff.undecided.map((target) => ({ target, why: TOO_MANY })));
    for (const one of packed === undefined ? [] : diff.settings) {
      settings.set(JSON.stringify([one.rule.name, one.field, one.before, one.after]), one);
    }
  }
  return { changes, settings: [...settings.values()], undecided, unrecorded, repairs };
}

/** The same world in which nobody was given anything. */
function nobody(policy: Policy): Policy {
  return { ...policy, grants: [], denies: [] };
}
