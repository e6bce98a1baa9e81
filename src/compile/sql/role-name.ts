// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { DataRole, ObjectPattern, Privilege } from '../../policy/policy.ts';

/** 64 bits keep two contents of one name apart. */
const HASH_DIGITS = 16;
/** A change in what is emitted for the same content must give another name, hence another role. */
const EMITTER_VERSION = 1;

/** The account that lends the roles on; it must be able to pass them on. */
export const ROLE_ADMIN = "'postern_owner'@'localhost'";

/**
 * `pr_<namespace>.<role>_<hash>`: the base role of a DataRole's present content. The end of what is
 * shown says more than its start, where there is room for a few characters only.
 */
export function baseRoleName(role: DataRole, limit: 128 | 32 = 128): string {
  const shown = role.id.replace(/[/#]/g, '.').replace(/[^A-Za-z0-9.-]/g, '-');
  const tail = `_${contentHash(roleContent(role))}`;
  const room = limit - 3 - tail.length;
  return `pr_${limit === 128 ? shown.slice(0, room) : shown.slice(-room)}${tail}`;
}

/** The account that owns one view; other columns or another table make another account. */
export function viewDefinerName(privilege: Privilege): string {
  return `postern_view_${contentHash(privilegeContent(privilege))}`;
}

/** Order does not matter in a declaration, so it must not matter here. */
function roleContent(role: DataRole): readonly string[] {
  return [...new Set(role.privileges.map(privilegeContent))].sort();
}

function privilegeContent(privilege: Privilege): string {
  return JSON.stringify([
    privilege.objects.map(objectContent).sort(),
    [...privilege.actions].sort(),
    privilege.columns ? [...privilege.columns].sort() : null,
    privilege.as ? [privilege.as.schema, privilege.as.name] : null,
  ]);
}

function objectContent(object: ObjectPattern): string {
  const name = object.type === 'schema' ? null : object.name;
  return JSON.stringify([object.type, object.schema, name]);
}

function contentHash(content: unknown): string {
  const text = JSON.stringify([EMITTER_VERSION, content]);
  return createHash('sha256').update(text).digest('hex').slice(0, HASH_DIGITS);
}
