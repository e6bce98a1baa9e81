// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import type { Policy, Target } from '../../policy/policy.ts';
import type { ManagedKind } from './difference.ts';
import type { ObservedAccount } from './observed.ts';
import type { DesiredSql, SqlPlanStep } from './plan-step.ts';
import { objectRights } from './privilege.ts';
import type { Right } from './right.ts';
import type { ServerState } from './server-state.ts';

/** What bootstrap installs whatever is declared; it belongs to the procedures' author. */
export interface Installation {
  readonly version: string;
  readonly owner: { readonly user: string; readonly host: string };
  readonly ownerRights: readonly Right[];
  readonly brokerRights: readonly Right[];
  readonly readerRights: readonly Right[];
  readonly procedures: readonly { readonly name: string; readonly bodySha256: string }[];
}

/** One Target's share of a server. */
export interface Scope {
  readonly policy: Policy;
  readonly target: Target;
  readonly broker: string;
  readonly reader?: string;
  readonly operators: readonly string[];
  readonly schemas: readonly string[];
  readonly installation: Installation;
  readonly desired: DesiredSql;
}

/** What an account of ours must be, exactly. */
export interface ManagedAccount {
  readonly kind: ManagedKind;
  readonly user: string;
  readonly host: string;
  readonly rights: readonly Right[];
  /** With ADMIN OPTION where true. */
  readonly roles: ReadonlyMap<string, boolean>;
  readonly locked: boolean;
  readonly requires?: ObservedAccount['requires']['type'];
  readonly rule?: RuleReference;
}

const NO_ROLES: ReadonlyMap<string, boolean> = new Map();
const REQUIRES = { certificate: 'names', tls: 'tls', none: 'none' } as const;

/** Every account this Target answers for, in the order in which each finds what it needs. */
export function managedAccounts(scope: Scope, state: ServerState): readonly ManagedAccount[] {
  const { registry } = state.all;
  const { desired, broker, reader, installation } = scope;
  const mine = new Set(
    registry.roles.filter((role) => role.broker === broker).map(({ name }) => name),
  );
  const composites = registry.composites.filter(({ roles }) => roles.every((r) => mine.has(r)));
  const transport = registry.brokers.find(({ name }) => name === broker)?.transport;
  const requires = REQUIRES[(transport ?? 'certificate') as keyof typeof REQUIRES] ?? 'names';
  const login = { host: '%', roles: NO_ROLES, locked: false, requires };
  return [
    ownerAccount(scope, state),
    { ...login, kind: 'broker', user: broker, rights: installation.brokerRights },
    ...(reader === undefined
      ? []
      : [{ ...login, kind: 'reader' as const, user: reader, rights: installation.readerRights }]),
    ...desired.views.map((view) => ({
      kind: 'view-definer' as const,
      user: view.definer,
      host: 'localhost',
      rights: stepRights(desired, 'view-definer', `${view.schema}.${view.name}`, state),
      roles: NO_ROLES,
      locked: true,
      rule: view.rule,
    })),
    ...desired.roles.map((role) => ({
      kind: 'role' as const,
      user: role.name,
      host: '',
      rights: stepRights(desired, 'grant', role.name, state),
      roles: NO_ROLES,
      locked: false,
      rule: role.rule,
    })),
    ...composites.map(({ name, roles }) => ({
      kind: 'composite' as const,
      user: name,
      host: '',
      rights: [],
      roles: new Map(roles.map((role) => [role, false])),
      locked: false,
    })),
    ...registry.leases
      .filter((lease) => lease.broker === broker && lease.state === 'lent')
      .map((lease) => ({
        kind: 'lease' as const,
        user: lease.account,
        host: '%',
        rights: [],
        roles: new Map([[lease.composite, false]]),
        locked: false,
      })),
  ];
}

/** It may pass on every role on the server that bootstrap or it made, and read every view's text. */
function ownerAccount({ installation }: Scope, state: ServerState): ManagedAccount {
  const { roles, views, composites } = state.all.registry;
  const names = [...roles, ...composites].map(({ name }) => name);
  const texts = views.flatMap(({ schema, name }) =>
    objectRights(['SELECT'], { type: 'table', schema, name }),
  );
  return {
    kind: 'owner',
    ...installation.owner,
    rights: [...installation.ownerRights, ...texts],
    roles: new Map(names.map((name) => [name, true])),
    locked: true,
  };
}

/** A routine is a procedure or a function: only the grant for what exists can be there. */
function stepRights(
  desired: DesiredSql,
  kind: SqlPlanStep['kind'],
  part: string,
  state: ServerState,
): readonly Right[] {
  return desired.steps
    .filter((step) => step.kind === kind && step.part === part && isForExisting(step, state))
    .flatMap(({ rights = [] }) => rights);
}

export function isForExisting({ onlyFor }: SqlPlanStep, state: ServerState): boolean {
  if (!onlyFor) return true;
  const name = (text: string) => text.toLowerCase();
  return state.all.routines.some(
    (routine) =>
      routine.type === onlyFor.type &&
      routine.schema === onlyFor.schema &&
      name(routine.name) === name(onlyFor.name),
  );
}
