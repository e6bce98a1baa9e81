// SPDX-License-Identifier: Apache-2.0
import { quoteIdentifier as q, quoteString } from '../../src/compile/sql/quote.ts';
import { ACTIONS, type Action } from '../../src/model/request.ts';
import type { Random } from './random.ts';

/** Names that are patterns of each other, and need quoting. */
export const SCHEMAS = ['s_a', 'sxa', 'S_A', 's-a', 's%a', 'we`b'] as const;
const TABLES = ['t_1', 'T_1', 'ta`b%'] as const;
const COLUMNS = ['id', 'Na_me', 'se`cret'] as const;
const ROUTINES = ['f_1', 'P_2'] as const;
/** What a declaration can name; the others are there to be reached by mistake. */
const DECLARABLE = { schemas: ['s_a', 'sxa', 'S_A', 's-a'], tables: ['t_1', 'T_1'] } as const;

export interface Named {
  readonly schema: string;
  readonly name: string;
}

export interface TestTable extends Named {
  /** The first is an integer key; the others hold their own marker. */
  readonly columns: readonly string[];
}

export interface TestView extends Named {
  readonly base: Named;
  readonly columns: readonly { readonly name: string; readonly of: string }[];
}

export interface TestRoutine extends Named {
  readonly kind: 'PROCEDURE' | 'FUNCTION';
}

/** What is on the server; the same for every seed. */
export const TEST_TABLES: readonly TestTable[] = SCHEMAS.flatMap((schema) =>
  TABLES.map((name) => ({ schema, name, columns: COLUMNS })),
);
export const TEST_ROUTINES: readonly TestRoutine[] = SCHEMAS.flatMap((schema) =>
  ROUTINES.map((name, index) => ({ schema, name, kind: index === 0 ? 'FUNCTION' : 'PROCEDURE' })),
);

export const path = ({ schema, name }: Named) => `${q(schema)}.${q(name)}`;

/** What a reader of the column sees, and nobody else. */
export function marker({ schema, name }: Named, column: string): string {
  return `<${schema}|${name}|${column}>`;
}

export const CREATE_WORLD: readonly string[] = [
  ...SCHEMAS.map((schema) => `CREATE DATABASE ${q(schema)}`),
  ...TEST_TABLES.flatMap((table) => [
    `CREATE TABLE ${path(table)} (${q('id')} INT AUTO_INCREMENT PRIMARY KEY, ${table.columns
      .slice(1)
      .map((column) => `${q(column)} VARCHAR(60)`)
      .join(', ')}) ENGINE=InnoDB`,
    insertMarkers(table),
  ]),
  ...TEST_ROUTINES.map(({ kind, ...routine }) =>
    kind === 'FUNCTION'
      ? `CREATE FUNCTION ${path(routine)}() RETURNS INT RETURN 1`
      : `CREATE PROCEDURE ${path(routine)}() SELECT 1`,
  ),
];

export function insertMarkers(table: TestTable): string {
  const values = table.columns.slice(1).map((column) => quoteString(marker(table, column)));
  return `INSERT INTO ${path(table)} VALUES (1, ${values.join(', ')})`;
}

const TABLE_ACTIONS: readonly Action[] = ACTIONS.filter(
  (action) =>
    !['execute', 'lock', 'temporary', 'view', 'routine', 'trigger', 'event'].includes(action),
);
const COLUMN_ACTIONS: readonly Action[] = ['select', 'insert', 'update'];

/** The privileges of one DataRole, as YAML below `privileges:`; views get a name of their own. */
export function randomPrivileges(random: Random, viewName: string): string {
  const lines = random.times(1 + random.below(4), (index) =>
    randomPrivilege(random, `${viewName}${index}`),
  );
  return lines.map((line) => `    - ${line}\n`).join('');
}

function randomPrivilege(random: Random, viewName: string): string {
  const schema = random.pick(DECLARABLE.schemas);
  const kind = random.below(10);
  const list = (items: readonly string[]) =>
    `[${items.map((item) => JSON.stringify(item)).join(', ')}]`;
  if (kind < 2) {
    const actions = random.some([...TABLE_ACTIONS, 'lock', 'temporary']);
    return `{tables: ${list([`${schema}.*`])}, actions: ${list(actions)}}`;
  }
  if (kind < 4) {
    return `{routines: ${list([`${schema}.${random.pick(ROUTINES)}`])}, actions: [execute]}`;
  }
  const table = `${schema}.${random.pick(DECLARABLE.tables)}`;
  if (kind < 7) return `{tables: ${list([table])}, actions: ${list(random.some(TABLE_ACTIONS))}}`;
  const columns = random.some(COLUMNS);
  const actions = random.some(COLUMN_ACTIONS);
  const as =
    kind < 9 ? `, as: ${JSON.stringify(`${random.pick(DECLARABLE.schemas)}.${viewName}`)}` : '';
  return `{tables: ${list([table])}, actions: ${list(actions)}, columns: ${list(columns)}${as}}`;
}
