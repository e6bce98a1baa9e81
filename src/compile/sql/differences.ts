// SPDX-License-Identifier: Apache-2.0
import { compareAccount } from './compare-account.ts';
import { compareForeign } from './compare-foreign.ts';
import { compareHolders, compareLent, compareRoles } from './compare-role.ts';
import { compareViews } from './compare-view.ts';
import { type Difference, isRemoval } from './difference.ts';
import { managedAccounts, type Scope } from './managed.ts';
import type { ObservedState } from './observed.ts';
import { ServerState } from './server-state.ts';

/**
 * Everything in which a server differs from what one Target declares, each thing once, in an order
 * in which it can be repaired: views before the roles that use them, what is new before what goes.
 * Pure and deterministic; `plan`, `apply`, `drift` and heal are readings of this list.
 */
export function differences(scope: Scope, observed: ObservedState): readonly Difference[] {
  const state = new ServerState(observed);
  const outdated = compareInstallation(scope, state);
  if (outdated.some(({ code }) => code === 'registry-outdated')) return outdated;
  const views = compareViews(scope, state);
  const roles = compareRoles(scope, state);
  const found = [
    ...outdated,
    ...views,
    ...roles,
    ...managedAccounts(scope, state)
      .filter(({ kind, user, host }) => !underRepair(kind, user, host, [...views, ...roles]))
      .flatMap((account) => compareAccount(account, state)),
    ...compareLent(scope, state),
    ...compareHolders(scope, state),
    ...compareForeign(scope, state),
  ];
  return found.toSorted((a, b) => Number(isRemoval(a)) - Number(isRemoval(b)));
}

/** What is made anew needs no list of what it lacks. */
function underRepair(
  kind: string,
  user: string,
  host: string,
  made: readonly Difference[],
): boolean {
  const place = `${kind} ${host === '' ? user : `${user}@${host}`}`;
  return made.some((one) => one.place === place);
}

function compareInstallation({ installation, broker, reader }: Scope, state: ServerState) {
  const { registry, routines } = state.all;
  const base = { cause: 'drift', by: 'bootstrap', statements: [] } as const;
  const found: Difference[] = [];
  if (registry.version !== installation.version) {
    const text = `It has version ${registry.version || 'none'}; this build needs ${installation.version}.`;
    return [{ ...base, code: 'registry-outdated' as const, place: 'registry', text }];
  }
  const { owner } = installation;
  const definer = `${owner.user}@${owner.host}`;
  for (const { name, bodySha256 } of installation.procedures) {
    const place = `procedure postern.${name}`;
    const there = routines.find(
      (one) => one.type === 'PROCEDURE' && one.schema === 'postern' && one.name === name,
    );
    if (!there) {
      found.push({ ...base, code: 'procedure-missing', place, text: 'It was dropped.' });
    } else if (
      there.bodySha256 !== bodySha256 ||
      there.definer !== definer ||
      there.security !== 'DEFINER'
    ) {
      const text = 'It is not what bootstrap installed.';
      found.push({ ...base, code: 'procedure-changed', place, text });
    }
  }
  for (const [kind, user, host] of [
    ['owner', owner.user, owner.host],
    ['broker', broker, '%'],
    ['reader', reader, '%'],
  ] as const) {
    if (user === undefined || state.account(user, host)) continue;
    const place = `${kind} ${user}@${host}`;
    found.push({ ...base, code: `${kind}-missing`, place, text: 'It is not on the server.' });
  }
  return found;
}
