// SPDX-License-Identifier: Apache-2.0
import type { Action } from '../../model/request.ts';
import type { ObjectPattern, Privilege } from '../../policy/policy.ts';
import type { SqlDialect } from './dialect.ts';
import type { SqlFinding, SqlPlanStep } from './plan-step.ts';
import { columnPrivilegeFor, DEFINER_ACTIONS, privilegeFor } from './privilege-names.ts';
import { escapePattern, isIdentifier, quoteIdentifier, quoteSchemaPattern } from './quote.ts';
import type { Right } from './right.ts';

export interface Emitted {
  readonly steps: readonly SqlPlanStep[];
  readonly findings: readonly SqlFinding[];
}

/** No lease gets rights in schemas that belong to the server or to Postern. */
const RESERVED_SCHEMAS = new Set([
  'mysql',
  'information_schema',
  'performance_schema',
  'sys',
  'postern',
]);

/** The grants of one privilege to one role. With `as` they are on the view, not on the table. */
export function emitPrivilege(role: string, privilege: Privilege, dialect: SqlDialect): Emitted {
  const emitter = new PrivilegeEmitter(role, privilege, dialect);
  const objects: readonly ObjectPattern[] = privilege.as
    ? [{ type: 'table', ...privilege.as }]
    : privilege.objects;
  for (const object of objects) emitter.grant(object);
  return emitter;
}

export function isGrantableName(object: ObjectPattern): boolean {
  if (RESERVED_SCHEMAS.has(object.schema.toLowerCase())) return false;
  return isIdentifier(object.schema) && (object.type === 'schema' || isIdentifier(object.name));
}

class PrivilegeEmitter implements Emitted {
  readonly steps: SqlPlanStep[] = [];
  readonly findings: SqlFinding[] = [];
  readonly #role: string;
  readonly #privilege: Privilege;
  readonly #server: SqlDialect['server'];

  constructor(role: string, privilege: Privilege, { server }: SqlDialect) {
    this.#server = server;
    this.#role = role;
    this.#privilege = privilege;
  }

  grant(object: ObjectPattern): void {
    const { actions, columns, as } = this.#privilege;
    if (!isGrantableName(object)) {
      this.#refuse(`${objectText(object)} cannot be granted.`, 'Name a schema of the application.');
      return;
    }
    const names: string[] = [];
    for (const action of [...actions].sort()) {
      const name = this.#privilegeName(action, object);
      if (name !== undefined) names.push(name);
    }
    if (names.length === 0) return;
    if (columns && !as) {
      this.findings.push({
        severity: 'weaker',
        rule: this.#privilege.rule,
        message: `Columns of ${objectText(object)} without "as" are column grants: the proof counts the whole table as readable.`,
        remedy: 'Add "as: schema.view" to offer the columns through a definer view.',
      });
      const rights = columnRights(names, columns, object);
      this.#add(`GRANT ${columnList(names, columns)} ON ${quoteTable(object)}`, { rights });
    } else if (object.type === 'routine') {
      const { schema, name } = object;
      for (const type of ['PROCEDURE', 'FUNCTION'] as const) {
        const onlyFor = { type, schema, name };
        const rights = objectRights(names, object, type === 'PROCEDURE' ? 'procedure' : 'function');
        const grant = `GRANT ${names.join(', ')} ON ${type} ${quoteTable(object)}`;
        this.#add(grant, { onlyFor, rights });
      }
    } else {
      const rights = objectRights(names, object);
      this.#add(`GRANT ${names.join(', ')} ON ${quoteTable(object)}`, { rights });
    }
  }

  #privilegeName(action: Action, object: ObjectPattern): string | undefined {
    const { columns, as } = this.#privilege;
    if (DEFINER_ACTIONS.has(action)) {
      this.#refuse(
        `The action ${action} is not given to leases: what it creates would outlive its owner.`,
        'Create views, routines, triggers and events in a deployment by an account of their own.',
      );
      return undefined;
    }
    const forColumns = columns !== undefined && !as;
    const name = forColumns ? columnPrivilegeFor(action) : privilegeFor(action, object.type);
    if (name !== undefined && !(forColumns && object.type !== 'table')) return name;
    const what = forColumns ? `single columns of ${objectText(object)}` : objectText(object);
    const schemaOnly = privilegeFor(action, 'schema') !== undefined && object.type === 'table';
    this.#refuse(
      `${this.#server} has no privilege for ${action} on ${what}.`,
      schemaOnly
        ? `Give it on ${object.schema}.*, or remove the action.`
        : 'Remove the action from this privilege.',
    );
    return undefined;
  }

  #add(grant: string, extra: Partial<SqlPlanStep> = {}): void {
    const sql = `${grant} TO ${quoteIdentifier(this.#role)}`;
    const { rule } = this.#privilege;
    this.steps.push({ kind: 'grant', part: this.#role, sql, rule, ...extra });
  }

  #refuse(message: string, remedy: string): void {
    this.findings.push({ severity: 'refused', rule: this.#privilege.rule, message, remedy });
  }
}

export function objectRights(
  names: readonly string[],
  object: ObjectPattern,
  routine?: 'procedure' | 'function',
): readonly Right[] {
  const place: Omit<Right, 'privilege'> =
    object.type === 'schema'
      ? { level: 'schema', schema: escapePattern(object.schema), object: '', column: '' }
      : { level: routine ?? 'table', schema: object.schema, object: object.name, column: '' };
  return names.map((privilege) => ({ ...place, privilege }));
}

export function columnRights(
  names: readonly string[],
  columns: readonly string[],
  object: ObjectPattern,
): readonly Right[] {
  if (object.type === 'schema') return [];
  const { schema, name } = object;
  return names.flatMap((privilege) =>
    columns.map((column) => ({
      level: 'column' as const,
      schema,
      object: name,
      column,
      privilege,
    })),
  );
}

/** `SELECT (a, b), UPDATE (a, b)`. */
export function columnList(names: readonly string[], columns: readonly string[]): string {
  const list = columns.map(quoteIdentifier).join(', ');
  return names.map((name) => `${name} (${list})`).join(', ');
}

export function quoteTable(object: ObjectPattern): string {
  if (object.type === 'schema') return `${quoteSchemaPattern(object.schema)}.*`;
  return `${quoteIdentifier(object.schema)}.${quoteIdentifier(object.name)}`;
}

function objectText(object: ObjectPattern): string {
  return `${object.schema}.${object.type === 'schema' ? '*' : object.name}`;
}
