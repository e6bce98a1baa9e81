// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import type { Action } from '../../model/request.ts';
import {
  type DataRole,
  type Guardrails,
  type ObjectPattern,
  POSTERN_TARGET_ID,
  type Privilege,
  type Target,
} from '../policy.ts';

const READ: readonly Action[] = ['select'];
const WRITE: readonly Action[] = [...READ, 'insert', 'update', 'delete'];
const MIGRATE: readonly Action[] = [
  ...WRITE,
  'create',
  'alter',
  'drop',
  'index',
  'references',
  'lock',
  'temporary',
];

/** Roles of every SQL Target, on every schema it names. */
const SQL_ROLES: Readonly<Record<string, readonly Action[]>> = {
  reader: READ,
  writer: WRITE,
  migrator: MIGRATE,
};

/** Roles of the Target `postern`; its tables and routines are those of the administration API. */
const POSTERN_ROLES: Readonly<Record<string, readonly (readonly [Action, ObjectPattern])[]>> = {
  auditor: [
    ['select', postern('table', 'sessions')],
    ['select', postern('table', 'tickets')],
    ['select', postern('table', 'drift')],
    ['select', postern('table', 'audit')],
    ['select', postern('table', 'policy')],
  ],
  operator: [
    ['select', postern('table', 'sessions')],
    ['select', postern('table', 'tickets')],
    ['select', postern('table', 'drift')],
    ['select', postern('table', 'policy')],
    ['execute', postern('routine', 'kill')],
    ['execute', postern('routine', 'revoke_ticket')],
    ['execute', postern('routine', 'reload')],
  ],
};

/** The role of HTTP-like Targets: whatever the Target exposes. Nothing serves it yet. */
const CALLER = 'caller';

const STRICT: Guardrails = {
  requireWhere: new Set(),
  multiStatement: 'Deny',
  localInfile: 'Deny',
};

const BUILT_IN: RuleReference = {
  name: 'Target/postern-system/postern',
  position: { file: '(built in)', line: 1, column: 1 },
};

/** Administration of Postern itself, granted by ordinary Grants (invariant 14). */
export const POSTERN_TARGET: Target = {
  rule: BUILT_IN,
  id: POSTERN_TARGET_ID,
  namespace: 'postern-system',
  name: 'postern',
  labels: { app: 'postern' },
  expose: { service: 'postern', port: 1, hostnames: [] },
  enforcement: 'Enforce',
  audit: { statements: 'Text', parameters: 'None', retentionMs: 34_560_000_000 },
  system: { type: 'postern' },
};

/** Names a DataRole may not have, so that a role's name never depends on the Target. */
export const BUILT_IN_ROLE_NAMES: ReadonlySet<string> = new Set([
  ...Object.keys(SQL_ROLES),
  ...Object.keys(POSTERN_ROLES),
  CALLER,
]);

/** Names of the built-in roles a Target can have; those of SQL Targets need schemas. */
export function builtInRoleNames(target: Target): readonly string[] {
  switch (target.system.type) {
    case 'postern':
      return Object.keys(POSTERN_ROLES);
    case 'azureMl':
    case 'http':
      return [CALLER];
    default:
      return Object.keys(SQL_ROLES);
  }
}

/** The built-in roles of a Target that names these schemas. */
export function builtInRoles(target: Target, schemas: readonly string[]): readonly DataRole[] {
  const { rule } = target;
  const role = (name: string, privileges: readonly Privilege[]): DataRole => ({
    rule,
    id: `${target.id}#${name}`,
    name,
    builtIn: true,
    privileges,
    guardrails: STRICT,
  });
  if (target.system.type === 'postern') {
    return Object.entries(POSTERN_ROLES).map(([name, rights]) =>
      role(
        name,
        rights.map(([action, object]) => ({ objects: [object], actions: new Set([action]), rule })),
      ),
    );
  }
  if (builtInRoleNames(target).includes(CALLER)) return [role(CALLER, [])];
  if (schemas.length === 0) return [];
  const objects = schemas.map((schema): ObjectPattern => ({ type: 'schema', schema }));
  return Object.entries(SQL_ROLES).map(([name, actions]) =>
    role(name, [{ objects, actions: new Set(actions), rule }]),
  );
}

function postern(type: 'table' | 'routine', name: string): ObjectPattern {
  return { type, schema: 'postern', name };
}
