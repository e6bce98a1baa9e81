// SPDX-License-Identifier: Apache-2.0
import type { ObjectPattern, Privilege } from '../../policy/policy.ts';
import type { DesiredView, SqlFinding, SqlPlanStep } from './plan-step.ts';
import { columnList, type Emitted, isGrantableName, quoteTable } from './privilege.ts';
import { columnPrivilegeFor, privilegeFor } from './privilege-names.ts';
import { isIdentifier, quoteIdentifier } from './quote.ts';
import { ROLE_ADMIN, viewDefinerName } from './role-name.ts';

/**
 * The definer view of a privilege with `columns` and `as`: whoever reads it sees these columns and
 * cannot reach the table, not even through HANDLER. It runs with the rights of a locked account of
 * its own, which holds exactly what the view hands on.
 */
export function emitView(privilege: Privilege): Emitted & { readonly view?: DesiredView } {
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
  return {
    view: { ...as, definer },
    findings: [],
    steps: [
      step(
        'view-definer',
        `CREATE USER IF NOT EXISTS ${account} IDENTIFIED VIA mysql_native_password USING 'invalid' ACCOUNT LOCK`,
      ),
      ...definerGrants(privilege, columns).map((rights) =>
        step('view-definer', `GRANT ${rights} ON ${quoteTable(table)} TO ${account}`),
      ),
      step(
        'view',
        `CREATE OR REPLACE DEFINER=${account} SQL SECURITY DEFINER VIEW ${quoteTable(view)} AS SELECT ${selected} FROM ${quoteTable(table)}`,
      ),
      // MariaDB shows the text of a view to whoever may read it, so that a change is seen.
      step('view-reader', `GRANT SELECT ON ${quoteTable(view)} TO ${ROLE_ADMIN}`),
    ],
  };
}

/** SELECT always: a view that cannot read cannot update either. DELETE has no columns. */
function definerGrants(privilege: Privilege, columns: readonly string[]): readonly string[] {
  const actions = [...new Set([...privilege.actions, 'select' as const])].sort();
  const byColumn = actions
    .filter((action) => action !== 'references')
    .map(columnPrivilegeFor)
    .filter((name) => name !== undefined);
  const whole = actions.includes('delete') ? privilegeFor('delete', 'table') : undefined;
  return [columnList(byColumn, columns), ...(whole ? [whole] : [])];
}
