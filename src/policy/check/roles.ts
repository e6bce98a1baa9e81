// SPDX-License-Identifier: Apache-2.0
import type { Action } from '../../model/request.ts';
import type { PrivilegeSpec } from '../document/data-role.ts';
import type { DataRole, ObjectPattern, Privilege } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { type Path, pathText, placeAt } from '../source-tree.ts';
import { BUILT_IN_ROLE_NAMES } from './built-in.ts';
import { type CheckContext, type Report, reportOn } from './context.ts';
import { soleKey } from './material.ts';
import { readObject } from './object.ts';

type RoleDocument = ShapedDocument<'DataRole'>;

export function checkRoles(context: CheckContext): void {
  for (const document of context.documents.of('DataRole')) {
    const report = reportOn(document, context.found);
    if (BUILT_IN_ROLE_NAMES.has(document.name)) {
      const facts = { name: document.name, reason: 'a built-in role has it' };
      report(['metadata', 'name'], 'name-reserved', facts);
    }
    const role = readRole(document, report);
    if (!context.roles.has(role.id)) context.roles.set(role.id, role);
  }
}

function readRole(document: RoleDocument, report: Report): DataRole {
  const { spec, rule, namespace, name } = document;
  const { requireWhere, multiStatement, localInfile } = spec.guardrails;
  return {
    rule,
    id: `${namespace}/${name}`,
    name,
    builtIn: false,
    privileges: spec.privileges.map((privilege, index) =>
      readPrivilege(privilege, ['spec', 'privileges', index], document, report),
    ),
    guardrails: { requireWhere: new Set(requireWhere), multiStatement, localInfile },
  };
}

function readPrivilege(
  spec: PrivilegeSpec,
  path: Path,
  document: RoleDocument,
  report: Report,
): Privilege {
  const form = soleKey(spec, ['tables', 'routines'], path, report);
  const texts = (form && spec[form]) ?? [];
  const type = form === 'routines' ? 'routine' : 'table';
  const objects = texts.flatMap((text, index) => {
    const object = readObject(text, type, [...path, form ?? 'tables', index], report);
    if (object) checkActions(spec.actions, object, path, report);
    return object ?? [];
  });
  const as = spec.as === undefined ? undefined : readView(spec.as, objects, path, report);
  checkColumns(spec, objects, path, report);
  const { line, column, file } = placeAt(document.parsed.root, path);
  return {
    objects,
    actions: new Set(spec.actions),
    ...(spec.columns && { columns: spec.columns }),
    ...(as && { as }),
    rule: { name: document.rule.name, position: { file, line, column } },
  };
}

function readView(
  text: string,
  objects: readonly ObjectPattern[],
  path: Path,
  report: Report,
): Privilege['as'] | undefined {
  const at = [...path, 'as'];
  const view = readObject(text, 'table', at, report);
  if (view === undefined) return undefined;
  const invalid = (problem: string, suggestion: string) =>
    report(at, 'value-invalid', { where: pathText(at), problem, suggestion });
  if (view.type !== 'table') {
    invalid(`${text} names no single view`, 'Write "schema.view".');
    return undefined;
  }
  const isTable = objects.some(
    (one) => one.type === 'table' && one.schema === view.schema && one.name === view.name,
  );
  if (isTable) invalid(`${text} is the table itself`, 'Choose another name for the view.');
  return { schema: view.schema, name: view.name };
}

const ROUTINE_ACTIONS: ReadonlySet<Action> = new Set(['execute']);
/** The server knows these for whole schemas only. */
const SCHEMA_ACTIONS: ReadonlySet<Action> = new Set(['lock', 'temporary', 'routine', 'event']);
/** The server knows these for columns. */
const COLUMN_ACTIONS: ReadonlySet<Action> = new Set(['select', 'insert', 'update', 'references']);

function checkActions(
  actions: readonly Action[],
  object: ObjectPattern,
  path: Path,
  report: Report,
): void {
  const text = object.type === 'schema' ? `${object.schema}.*` : `${object.schema}.${object.name}`;
  for (const [index, action] of actions.entries()) {
    const refuse = (suggestion: string) =>
      report([...path, 'actions', index], 'action-object', { action, object: text, suggestion });
    if (object.type === 'routine' && !ROUTINE_ACTIONS.has(action)) {
      refuse('Routines take "execute" only; give it in a privilege with "tables".');
    } else if (object.type !== 'routine' && ROUTINE_ACTIONS.has(action)) {
      refuse('Give "execute" in a privilege with "routines: [schema.routine]".');
    } else if (object.type === 'table' && SCHEMA_ACTIONS.has(action)) {
      refuse(`The server knows it for schemas only; give it on "${object.schema}.*".`);
    }
  }
}

function checkColumns(
  spec: PrivilegeSpec,
  objects: readonly ObjectPattern[],
  path: Path,
  report: Report,
): void {
  const invalid = (key: string, problem: string, suggestion: string) =>
    report([...path, key], 'value-invalid', {
      where: pathText([...path, key]),
      problem,
      suggestion,
    });
  if (spec.columns === undefined) {
    if (spec.as !== undefined) {
      invalid('as', 'it needs "columns"', 'Add "columns: [...]", or remove "as".');
    }
    return;
  }
  if (spec.as === undefined) report([...path, 'columns'], 'columns-without-view');
  if (objects.length !== 1 || objects[0]?.type !== 'table') {
    invalid('columns', 'columns belong to exactly one table', 'Name one table in "tables".');
  }
  for (const [index, action] of spec.actions.entries()) {
    if (COLUMN_ACTIONS.has(action)) continue;
    const suggestion = 'Columns take select, insert, update and references.';
    const facts = { action, object: 'columns', suggestion };
    report([...path, 'actions', index], 'action-object', facts);
  }
}
