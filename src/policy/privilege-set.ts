// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { DataRole, ObjectPattern, Privilege } from './policy.ts';
import { offeredObjects } from './role-coverage.ts';

/** 64 bits: enough to tell the privilege sets of one installation apart, short in account names. */
const ID_HEX_DIGITS = 16;

/**
 * Names a target and what roles give there by content: independent of the names and the order of
 * roles, privileges, actions and columns. Different content never shares an id.
 */
export function privilegeSetId(targetId: string, roles: readonly DataRole[]): string {
  const privileges = roles.flatMap((role) => role.privileges.flatMap(privilegeLines));
  const content = JSON.stringify([targetId, [...new Set(privileges)].sort()]);
  return createHash('sha256').update(content).digest('hex').slice(0, ID_HEX_DIGITS);
}

/** One line per object and action, so that splitting a privilege in two changes nothing. */
function privilegeLines(privilege: Privilege): readonly string[] {
  const columns = privilege.columns ? [...new Set(privilege.columns)].sort() : null;
  // The table behind a view belongs to the content: another table makes another view.
  const behind = privilege.as ? privilege.objects.map(objectParts) : null;
  return offeredObjects(privilege).flatMap((object) =>
    [...privilege.actions].map((action) =>
      JSON.stringify([objectParts(object), action, columns, behind]),
    ),
  );
}

function objectParts(object: ObjectPattern): readonly string[] {
  const { type, schema } = object;
  return object.type === 'schema' ? [type, schema] : [type, schema, object.name];
}
