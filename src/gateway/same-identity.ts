// SPDX-License-Identifier: Apache-2.0
import { isDeepStrictEqual } from 'node:util';
import type { Principal } from '../model/principal.ts';
import { type Access, accessConditions } from '../policy/access.ts';

/**
 * Whether a new proof stands for exactly whom a session is open for: id, attributes, groups, whom
 * it acts for, and every claim that a rule on this target reads. Other claims (`jti`, say) differ
 * from token to token and decide nothing.
 */
export function isSameIdentity(access: Access, now: Principal): boolean {
  const names = accessConditions(access).flatMap((condition) =>
    condition.key === 'text' ? (/^claim\[(.*)\]$/s.exec(condition.name)?.[1] ?? []) : [],
  );
  return isDeepStrictEqual(relevant(access.principal, names), relevant(now, names));
}

/** Two sessions of one principal: the same id, acting for the same others. */
export function isSamePrincipal(one: Principal, other: Principal): boolean {
  if (one.id !== other.id) return false;
  const [mine, theirs] = [one.onBehalfOf, other.onBehalfOf];
  if (!mine || !theirs) return mine === theirs;
  return isSamePrincipal(mine, theirs);
}

function relevant(principal: Principal, names: readonly string[]): unknown {
  const { claims, expiresAt: _end, method: _method, anchor: _anchor, ...rest } = principal;
  const { onBehalfOf, ...facts } = rest;
  if ('displayName' in facts) delete (facts as { displayName?: string }).displayName;
  return {
    facts,
    claims: names.map((name) => (Object.hasOwn(claims, name) ? claims[name] : undefined)),
    onBehalfOf: onBehalfOf && relevant(onBehalfOf, names),
  };
}
