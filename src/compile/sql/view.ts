// SPDX-License-Identifier: Apache-2.0
import type { ObjectPattern, Privilege } from '../../policy/policy.ts';
import type { SqlDialect } from './dialect.ts';
import type { DesiredView, SqlFinding, SqlPlanStep } from './plan-step.ts';
import {
  columnList,
  columnRights,
  type Emitted,
  isGrantableName,
  objectRights,
  quoteTable,
} from './privilege.ts';
import { columnPrivilegeFor, privilegeFor } from './privilege-names.ts';
import { isIdentifier, quoteIdentifier } from './quote.ts';
import { ROLE_ADMIN, viewDefinerName } from './role-name.ts';

/**
 * The definer view of a privilege with `columns` and `as`: whoever reads it sees these columns and
 * cannot reach the table, not even through HANDLER. It runs with the rights of a locked account of
 * its own, which holds exactly what the view hands on.
 */
export function emitView(
  privilege: Privilege,
  dialect: SqlDialect,
): Emitted & { readonly view?: DesiredView } {
  const { as, columns, rule } = privilege;
  const [table] = privilege.objects;
  const refuse = (message: string, remedy: string) => {
    const finding: SqlFinding = { severity: 'refused', rule, message, remedy };
    return { steps: [], findings: [finding] };
  };
  if (!as || !columns || columns.length === 0) {
    return refuse('A view needs columns.', 'Add "columns", or remove "as".');
  }
  if (privilege.objects.length !== 1 || table?.type !== 'table') {
    return refuse('A view stands for exactly one table.', 'Name one table in this privilege.');
  }
  const view: ObjectPattern = { type: 'table', ...as };
  const name = `${as.schema}.${as.name}`;
  if (!isGrantableName(table) || !isGrantableName(view) || !columns.every(isIdentifier)) {
    return refuse(`${name} cannot be written as a view.`, 'Correct the names.');
  }
  if (as.schema === table.schema && as.name === table.name) {
    return refuse(`The view ${name} has the name of its own table.`, 'Give it another name.');
  }
  const definer = viewDefinerName(privilege);
  const account = `${quoteIdentifier(definer)}@'localhost'`;
  const step = (kind: SqlPlanStep['kind'], sql: string): SqlPlanStep => ({
    kind,
    part: name,
    sql,
    rule,
  });
  const selected = columns.map(quoteIdentifier).join(', ');
  const { byColumn, whole } = definerPrivileges(privilege);
  const definerGrants = [
    {
      sql: `GRANT ${columnList(byColumn, columns)} ON ${quoteTable(table)} TO ${account}`,
      rights: columnRights(byColumn, columns, table),
    },
    ...(whole.length === 0
      ? []
      : [
          {
            sql: `GRANT ${whole.join(', ')} ON ${quoteTable(table)} TO ${account}`,
            rights: objectRights(whole, table),
          },
        ]),
  ];
  // MariaDB shows the text of a view to whoever may read it, so that a change is seen.
  const reader = {
    ...step('view-reader', `GRANT SELECT ON ${quoteTable(view)} TO ${ROLE_ADMIN}`),
    rights: objectRights(['SELECT'], view),
  };
  return {
    view: { ...as, definer, rule, text: viewText(table, columns) },
    findings: [],
    steps: [
      step('view-definer', dialect.locked(account)[0]),
      ...definerGrants.map(({ sql, rights }) => ({ ...step('view-definer', sql), rights })),
      step(
        'view',
        `CREATE OR REPLACE DEFINER=${account} SQL SECURITY DEFINER VIEW ${quoteTable(view)} AS SELECT ${selected} FROM ${quoteTable(table)}`,
      ),
      ...(dialect.viewTextNeedsSelect ? [reader] : []),
    ],
  };
}

/** As the server keeps it and shows it in information_schema. */
function viewText(table: ObjectPattern & { type: 'table' }, columns: readonly string[]): string {
  const path = `${quoteIdentifier(table.schema)}.${quoteIdentifier(table.name)}`;
  const list = columns.map(quoteIdentifier).map((name) => `${path}.${name} AS ${name}`);
  return `select ${list.join(',')} from ${path}`;
}

/** SELECT always: a view that cannot read cannot update either. DELETE has no columns. */
function definerPrivileges(privilege: Privilege): {
  readonly byColumn: readonly string[];
  readonly whole: readonly string[];
} {
  const actions = [...new Set([...privilege.actions, 'select' as const])].sort();
  const byColumn = actions
    .filter((action) => action !== 'references')
    .map(columnPrivilegeFor)
    .filter((name) => name !== undefined);
  const whole = actions.includes('delete') ? privilegeFor('delete', 'table') : undefined;
  return { byColumn, whole: whole === undefined ? [] : [whole] };
}
