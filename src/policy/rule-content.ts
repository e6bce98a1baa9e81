// SPDX-License-Identifier: Apache-2.0
import type { Access, Rights } from './access.ts';
import type { Condition, DataRole, Policy } from './policy.ts';
import { privilegeSetId } from './privilege-set.ts';
import { rulesOnTarget } from './rules-on-target.ts';

const roleKeys = new WeakMap<DataRole, string>();
const whenKeys = new WeakMap<readonly Condition[], string>();

/**
 * What the matching rules say about allow and deny, without their names, subjects, limits and
 * order: two accesses with the same content give every request the same effect.
 */
export function accessContent(access: Access | undefined): string {
  if (!access) return 'no target';
  return JSON.stringify([access.target.labels, access.rights.map(rightsContent)]);
}

function rightsContent({ grants, denies, unsure }: Rights): unknown {
  const given = (matched: Rights['grants']) =>
    unique(matched.map(({ grant, role }) => grantContent(role, grant.when, grant.expires)));
  const taken = denies.map(({ deny, certain }) => `${certain} ${whenContent(deny.when)}`);
  return [given(grants), unique(taken), given(unsure)];
}

/** All that the rules on a target say, with their subjects; names and limits aside. */
export function targetContent(policy: Policy, targetId: string): string {
  const { grants, denies } = rulesOnTarget(policy, targetId);
  const given = grants.map(({ subjects, roles, when, expires }) => {
    const role = policy.roles.get(roles.get(targetId) ?? '');
    return `${contentText(subjects)} ${role ? grantContent(role, when, expires) : ''}`;
  });
  const taken = denies.map(({ subjects, when }) => `${contentText(subjects)} ${whenContent(when)}`);
  const labels = policy.targets.get(targetId)?.labels;
  return JSON.stringify([labels ?? 'no target', unique(given), unique(taken)]);
}

export function grantContent(
  role: DataRole,
  when: readonly Condition[],
  expires: number | undefined,
): string {
  return `${roleContent(role)} ${expires ?? ''} ${whenContent(when)}`;
}

function roleContent(role: DataRole): string {
  let key = roleKeys.get(role);
  if (key === undefined) {
    key = privilegeSetId('', [role]);
    roleKeys.set(role, key);
  }
  return key;
}

function whenContent(when: readonly Condition[]): string {
  let key = whenKeys.get(when);
  if (key === undefined) {
    key = JSON.stringify(unique(when.map((one) => contentText(one))));
    whenKeys.set(when, key);
  }
  return key;
}

/** JSON with sets and maps as sorted lists, for comparing values of a policy. */
export function contentText(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => {
    if (inner instanceof Set) return [...inner].sort();
    return inner instanceof Map ? [...inner].sort(([a], [b]) => (a < b ? -1 : 1)) : inner;
  });
}

function unique(texts: readonly string[]): readonly string[] {
  return [...new Set(texts)].sort();
}
