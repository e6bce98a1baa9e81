// SPDX-License-Identifier: Apache-2.0
import type { DeclaredRight } from '../model/finding.ts';

/** As a DataRole's document says it. */
export interface WrittenPrivilege {
  readonly tables?: readonly string[];
  readonly routines?: readonly string[];
  readonly actions: readonly string[];
  readonly columns?: readonly string[];
  readonly as?: string;
}

/** The privileges without these rights; a privilege that gave several is split. */
export function withdrawPrivileges(
  privileges: readonly WrittenPrivilege[],
  rights: readonly DeclaredRight[],
): readonly WrittenPrivilege[] {
  return rights.reduce<readonly WrittenPrivilege[]>(
    (left, right) => left.flatMap((privilege) => without(privilege, right)),
    privileges,
  );
}

function without(privilege: WrittenPrivilege, right: DeclaredRight): readonly WrittenPrivilege[] {
  const { actions, columns, as } = privilege;
  const names = privilege[right.kind] ?? [];
  if (!actions.includes(right.action)) return [privilege];
  // Through a view everything is offered under the name of the view.
  if (as !== undefined ? as !== right.name : !names.includes(right.name)) return [privilege];
  const otherActions = actions.filter((action) => action !== right.action);
  const otherColumns = columns?.filter((column) => column !== right.column) ?? [];
  if (as !== undefined)
    return otherActions.length > 0 ? [{ ...privilege, actions: otherActions }] : [];
  if (columns !== undefined && right.column === undefined) return [privilege];
  const otherNames = names.filter((name) => name !== right.name);
  const own = { ...privilege, [right.kind]: [right.name] };
  return [
    ...(otherNames.length > 0 ? [{ ...privilege, [right.kind]: otherNames }] : []),
    ...(otherActions.length > 0 ? [{ ...own, actions: otherActions }] : []),
    ...(right.column !== undefined && otherColumns.length > 0
      ? [{ ...own, actions: [right.action], columns: otherColumns }]
      : []),
  ];
}

/** Privileges that give exactly these rights. */
export function privilegesGiving(rights: readonly DeclaredRight[]): readonly WrittenPrivilege[] {
  const whole = new Map<string, { right: DeclaredRight; actions: string[] }>();
  const parts = new Map<string, { right: DeclaredRight; columns: string[] }>();
  for (const right of rights) {
    const { kind, name, action, column } = right;
    if (column === undefined) {
      const known = whole.get(`${kind} ${name}`);
      if (known) known.actions.push(action);
      else whole.set(`${kind} ${name}`, { right, actions: [action] });
    } else {
      const known = parts.get(`${name} ${action}`);
      if (known) known.columns.push(column);
      else parts.set(`${name} ${action}`, { right, columns: [column] });
    }
  }
  return [
    ...[...whole.values()].map(({ right, actions }) => ({ [right.kind]: [right.name], actions })),
    ...[...parts.values()].map(({ right, columns }) => ({
      tables: [right.name],
      actions: [right.action],
      columns,
    })),
  ];
}
