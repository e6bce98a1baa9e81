// SPDX-License-Identifier: Apache-2.0
import type { Access } from '../policy/decide.ts';
import type { Grant, Policy } from '../policy/policy.ts';

/**
 * Why a lease no longer fits, by the rule that went away; undefined when it fits. `lent`: the
 * rights it was lent for. More roles than were lent are no loss: the session keeps its lease. A
 * role whose content changed is another role; one may also go without a reload, when the Grant
 * that gave it expires.
 */
export function lostRight(
  lent: Access,
  after: Access | undefined,
  now: number,
): string | undefined {
  if (!after) return 'the target is no longer declared';
  for (const id of lent.roleIds) {
    if (!after.roleIds.includes(id)) return withdrawn(id, lent, after, now);
    if (after.policy !== lent.policy && content(after.policy, id) !== content(lent.policy, id)) {
      return `role ${id} was changed; connect again`;
    }
  }
  return undefined;
}

function withdrawn(id: string, lent: Access, after: Access, now: number): string {
  const givers = lent.grants.filter((grant) => grant.roles.get(lent.target.id) === id);
  const why = givers.map((grant) => fate(grant, id, after, now));
  return why.length > 0 ? why.join('; ') : `role ${id} was withdrawn`;
}

/** What became of a Grant that gave the role. */
function fate({ rule: { name } }: Grant, id: string, after: Access, now: number): string {
  const { policy, principal, target } = after;
  const same = (grant: Grant) => grant.rule.name === name;
  const grant = after.grants.find(same);
  if (grant?.expires !== undefined && grant.expires <= now) return `${name} has expired`;
  if (grant && grant.roles.get(target.id) === id) {
    return `${name} gives role ${id}, but not to all who act together`;
  }
  if (grant) return `${name} no longer gives role ${id}`;
  const declared = policy.grants.find(same);
  if (!declared) return `${name} was removed`;
  const whom = declared.targets.has(target.id) ? principal.id : target.id;
  return `${name} no longer includes ${whom}`;
}

function content(policy: Policy, id: string): string {
  const role = policy.roles.get(id);
  if (!role) return '';
  return JSON.stringify(
    role.privileges.map((privilege) => [
      privilege.objects,
      [...privilege.actions].sort(),
      privilege.columns ?? null,
      privilege.as ?? null,
    ]),
  );
}
