// SPDX-License-Identifier: Apache-2.0
import type { Action } from '../../model/request.ts';
import type { DatabaseQuestion } from './question.ts';
import type { ColumnName, TableName, ViewText } from './view-text.ts';

/**
 * What whoever a view runs as must be allowed, in groups: all that the text reads, also for a write,
 * and all that is written. Undefined: which rows of which table a write reaches is not modelled.
 */
export function viewNeeds(
  text: ViewText,
  action: 'select' | 'insert' | 'update' | 'delete',
  column: string | undefined,
): readonly (readonly DatabaseQuestion[])[] | undefined {
  const reads: readonly DatabaseQuestion[] = [
    ...text.uses.map((used) => onColumn('select', used)),
    ...text.functions.map((routine) => ({
      action: 'execute' as const,
      object: { type: 'routine' as const, ...routine },
    })),
    ...(text.uses.length > 0 ? [] : text.tables.map(anyPart)),
  ];
  if (action === 'select') return [reads];
  const [table] = text.tables;
  if (!text.writable || !table) return undefined;
  if (action === 'delete') return [reads, [{ action, object: { type: 'table', ...table } }]];
  const named =
    column === undefined ? [...text.columns.values()] : [text.columns.get(column.toLowerCase())];
  const written = named.filter((one) => one !== undefined);
  if (written.length === 0) return undefined;
  return [reads, written.map((one) => onColumn(action, one))];
}

function onColumn(action: Action, { schema, name, column }: ColumnName): DatabaseQuestion {
  return { action, object: { type: 'table', schema, name }, column };
}

function anyPart(table: TableName): DatabaseQuestion {
  return { action: 'select', object: { type: 'table', ...table }, extent: 'any' };
}
