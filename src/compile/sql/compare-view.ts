// SPDX-License-Identifier: Apache-2.0
import type { Difference } from './difference.ts';
import type { Scope } from './managed.ts';
import type { ObservedView } from './observed.ts';
import type { DesiredView } from './plan-step.ts';
import { quoteIdentifier, quoteString } from './quote.ts';
import { ROLE_ADMIN } from './role-name.ts';
import type { ServerState } from './server-state.ts';

/** Definer views: to be made, to be removed, or not what bootstrap or apply made. */
export function compareViews(scope: Scope, state: ServerState): readonly Difference[] {
  const { registry } = state.all;
  const mine = registry.views.filter(({ broker }) => broker === scope.broker);
  const declared = new Set(scope.desired.views.map(viewPath));
  return [
    ...scope.desired.views.flatMap((view) => compareView(view, scope, state)),
    ...mine.filter((view) => !declared.has(viewPath(view))).map((view) => removeView(view, state)),
  ];
}

function compareView(view: DesiredView, scope: Scope, state: ServerState): readonly Difference[] {
  const registered = state.all.registry.views.find((one) => viewPath(one) === viewPath(view));
  const observed = state.all.views.find((one) => viewPath(one) === viewPath(view));
  const base = { place: `view ${viewPath(view)}`, rule: view.rule };
  if (registered ? registered.broker !== scope.broker : observed) {
    const text = registered
      ? `It belongs to the Target of the broker ${registered.broker}.`
      : 'It has the name of a view of ours, and bootstrap or apply did not make it.';
    const drop = registered ? [] : [`DROP VIEW ${viewSql(view)}`];
    return [
      { ...base, code: 'view-foreign', cause: 'drift', text, by: 'operator', statements: drop },
    ];
  }
  const statements = makeView(view, scope);
  const definer = `${view.definer}@localhost`;
  if (registered?.definer !== view.definer) {
    const text = registered ? 'Its content changed.' : 'It is not on the server yet.';
    return [{ ...base, code: 'view-new', cause: 'declaration', text, by: 'apply', statements }];
  }
  const found: Difference[] = [];
  const drift = (code: Difference['code'], text: string) =>
    found.push({ ...base, code, cause: 'drift', text, by: 'apply', statements });
  if (!observed) drift('view-missing', 'It was dropped, or never made.');
  else for (const [code, text] of changes(view, observed, definer)) drift(code, text);
  if (observed && !state.account(view.definer, 'localhost')) {
    found.push({
      ...base,
      code: 'view-definer-missing',
      cause: 'drift',
      place: `view-definer ${definer}`,
      text: `It was dropped; nobody can read ${viewPath(view)}.`,
      by: 'apply',
      statements,
    });
  }
  return found;
}

function changes(
  view: DesiredView,
  observed: ObservedView,
  definer: string,
): readonly (readonly [Difference['code'], string])[] {
  const found: [Difference['code'], string][] = [];
  if (observed.definer !== definer) {
    found.push(['view-definer-changed', `It runs as ${observed.definer}.`]);
  }
  if (observed.security !== 'DEFINER') {
    found.push(['view-security-changed', 'It runs with the rights of whoever reads it.']);
  }
  // Without SELECT on it the reader is shown no text, which is a finding of its own.
  if (observed.text !== '' && observed.text !== view.text) {
    found.push(['view-text-changed', `It says: ${observed.text}`]);
  }
  return found;
}

function makeView(view: DesiredView, { desired, broker }: Scope): readonly string[] {
  const row = [view.schema, view.name, view.definer, broker].map(quoteString).join(', ');
  return [
    `INSERT INTO postern.view (schema_name, name, definer, broker) VALUES (${row}) ON DUPLICATE KEY UPDATE definer = VALUES(definer)`,
    ...desired.steps
      .filter(({ kind }) => kind.startsWith('view'))
      .filter(({ part }) => part === viewPath(view))
      .map(({ sql }) => sql),
  ];
}

/** The account that owned it is found without a view afterwards, and goes then. */
function removeView(
  view: { readonly schema: string; readonly name: string },
  state: ServerState,
): Difference {
  const shown = state.all.rights.some(
    (right) =>
      right.user === 'postern_owner' &&
      right.level === 'table' &&
      right.schema === view.schema &&
      right.object === view.name,
  );
  const at = `(${quoteString(view.schema)}, ${quoteString(view.name)})`;
  return {
    code: 'view-undeclared',
    cause: 'declaration',
    place: `view ${viewPath(view)}`,
    text: 'It is no longer declared.',
    by: 'apply',
    statements: [
      ...(shown ? [`REVOKE SELECT ON ${viewSql(view)} FROM ${ROLE_ADMIN}`] : []),
      `DROP VIEW IF EXISTS ${viewSql(view)}`,
      `DELETE FROM postern.view WHERE (schema_name, name) = ${at}`,
    ],
  };
}

function viewPath({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${schema}.${name}`;
}

function viewSql({ schema, name }: { readonly schema: string; readonly name: string }): string {
  return `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
}
