// SPDX-License-Identifier: Apache-2.0
import type { ObjectPattern } from '../policy.ts';
import { type Path, pathText } from '../source-tree.ts';
import type { Report } from './context.ts';
import { reservedSchemaOwner } from './reserved.ts';

/** Letters of any language, as the servers allow unquoted, and "-" which they allow quoted. */
const IDENTIFIER = /^[\p{L}\p{N}_$-]{1,64}$/u;

/** `schema.table`, `schema.*` or `schema.routine`; a fault and undefined for anything else. */
export function readObject(
  text: string,
  type: 'table' | 'routine',
  path: Path,
  report: Report,
): ObjectPattern | undefined {
  const where = pathText(path);
  const [schema = '', name = '', ...rest] = text.split('.');
  const whole = name === '*' && type === 'table';
  if (rest.length > 0 || !IDENTIFIER.test(schema) || !(whole || IDENTIFIER.test(name))) {
    if (text.includes('*')) refuseWildcard(text, type, path, report);
    else {
      const form = type === 'table' ? '"schema.table" or "schema.*"' : '"schema.routine"';
      const problem = `${text} is not the name of a ${type}`;
      report(path, 'value-invalid', { where, problem, suggestion: `Write ${form}.` });
    }
    return undefined;
  }
  const owner = reservedSchemaOwner(schema);
  if (owner !== undefined) report(path, 'schema-reserved', { schema, owner });
  return whole ? { type: 'schema', schema } : { type, schema, name };
}

function refuseWildcard(text: string, type: 'table' | 'routine', path: Path, report: Report): void {
  report(path, 'wildcard-refused', {
    where: pathText(path),
    problem: `${text} is not a set that can be granted`,
    suggestion:
      type === 'table'
        ? 'Only "schema.*" (all tables of one schema) has a wildcard.'
        : 'Name each routine.',
  });
}
