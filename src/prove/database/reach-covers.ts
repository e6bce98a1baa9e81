// SPDX-License-Identifier: Apache-2.0

import { NamePattern } from '../../compile/sql/name-pattern.ts';
import type { FoldName } from './grantee.ts';
import type { DatabaseObject, DatabaseQuestion, ObjectReach, ReachEntry } from './question.ts';

/** Whether an entry of `reach` is about what is asked. `fold` is how the server compares names. */
export function reachCovers(
  entry: ReachEntry,
  question: DatabaseQuestion,
  fold: FoldName,
): boolean {
  const { action, object, column, extent } = question;
  if (entry.action !== action || !onCovers(entry.on, object, fold)) return false;
  if (entry.columns === undefined || extent === 'any') return true;
  const named = entry.columns.map((name) => name.toLowerCase());
  return column !== undefined && named.includes(column.toLowerCase());
}

function onCovers(on: ObjectReach, object: DatabaseObject, fold: FoldName): boolean {
  if (on.type === 'everything') return true;
  if (on.type === 'schemas') {
    const matches = (pattern: string) =>
      new NamePattern(pattern, 'schema').matches(fold(object.schema));
    return matches(on.pattern) && !on.except.some(matches);
  }
  if (object.type === 'schema' || fold(on.schema) !== fold(object.schema)) return false;
  if (on.type === 'table') return object.type !== 'routine' && fold(on.name) === fold(object.name);
  if (object.type !== 'routine') return false;
  const sameKind = object.kind === undefined || object.kind === on.kind;
  return sameKind && on.name.toLowerCase() === object.name.toLowerCase();
}
