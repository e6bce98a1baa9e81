// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../../compile/istio/artifact.ts';
import type { ObservedState } from '../../compile/sql/observed.ts';
import { BUILT_IN_ROLE_NAMES } from '../../policy/check/built-in.ts';
import { freeName, type ImportedDocument } from '../document.ts';
import type { CarriedRight } from './carried-right.ts';
import type { Holder } from './holders.ts';

interface Held {
  readonly holder: Holder;
  readonly rights: CarriedRight[];
  readonly facts: { readonly key: string; readonly changed?: string }[];
}

/** DataRoles from what roles and accounts hold: equal sets of privileges are one DataRole. */
export class DataRoles {
  readonly #namespace: string;
  readonly #declared: ReadonlyMap<string, string>;
  readonly #roles: ReadonlySet<string>;
  readonly #held = new Map<string, Held>();
  #names: Map<string, string> | undefined;

  readonly #taken: Set<string>;

  /** `taken` are names of DataRoles that are declared already. */
  constructor(state: ObservedState, namespace: string, taken: Iterable<string>) {
    this.#taken = new Set([...BUILT_IN_ROLE_NAMES, ...taken]);
    this.#namespace = namespace;
    this.#roles = new Set(state.accounts.filter((one) => one.isRole).map(({ user }) => user));
    // A role that Postern made bears the name of its DataRole, `namespace/name`, in the registry.
    this.#declared = new Map(
      state.registry.roles.map(({ name, dataRole }) => [name, dataRole.replace(/^.*[/#]/, '')]),
    );
  }

  add(
    holder: Holder,
    rights: readonly CarriedRight[],
    changed: string | undefined,
    key: string,
  ): void {
    const held = this.#held.get(keyOf(holder)) ?? { holder, rights: [], facts: [] };
    held.rights.push(...rights);
    held.facts.push({ key, ...(changed !== undefined && { changed }) });
    this.#held.set(keyOf(holder), held);
  }

  /** The DataRole with what this account or role holds itself. After everything was added. */
  nameOf(holder: Holder): string | undefined {
    const held = this.#held.get(keyOf(holder));
    return held && this.#named().get(contentOf(held.rights));
  }

  documents(): readonly ImportedDocument[] {
    const contents = new Map([...this.#held.values()].map((one) => [contentOf(one.rights), one]));
    return [...this.#named()].map(([content, name]) => ({
      kind: 'DataRole',
      name,
      namespace: this.#namespace,
      spec: { privileges: privileges(contents.get(content)?.rights ?? []) },
    }));
  }

  /** Which fact went into which DataRole. */
  carried(): readonly { readonly key: string; readonly role: string; readonly changed?: string }[] {
    return [...this.#held.values()].flatMap(({ holder, facts }) => {
      const role = this.nameOf(holder);
      return role === undefined ? [] : facts.map((fact) => ({ ...fact, role }));
    });
  }

  schemas(): readonly string[] {
    const named = [...this.#held.values()].flatMap(({ rights }) =>
      rights.map(({ object }) => object.split('.')[0] ?? ''),
    );
    return [...new Set(named)].sort();
  }

  /** A role gives its name before an account does: it was meant to stand for what it holds. */
  #named(): ReadonlyMap<string, string> {
    if (this.#names) return this.#names;
    const names = new Map<string, string>();
    const rank = ({ holder }: Held) =>
      this.#declared.has(holder.user)
        ? 0
        : holder.host === '' && this.#roles.has(holder.user)
          ? 1
          : 2;
    for (const held of [...this.#held.values()].sort((a, b) => rank(a) - rank(b))) {
      const content = contentOf(held.rights);
      if (names.has(content)) continue;
      const { user } = held.holder;
      names.set(content, freeName(this.#declared.get(user) ?? user, this.#taken));
    }
    this.#names = names;
    return names;
  }
}

function keyOf({ user, host }: Holder): string {
  return JSON.stringify([user, host]);
}

function contentOf(rights: readonly CarriedRight[]): string {
  return [...new Set(rights.map((one) => JSON.stringify(one)))].sort().join('\n');
}

/** As few privileges as the rights allow: objects with the same actions together. */
function privileges(rights: readonly CarriedRight[]): readonly Value[] {
  const byObject = new Map<string, { right: CarriedRight; actions: Set<string> }>();
  const columns = new Map<string, { right: CarriedRight; columns: Set<string> }>();
  for (const right of rights) {
    const { form, object, action, column } = right;
    if (column !== undefined) {
      const key = JSON.stringify([object, action]);
      const known = columns.get(key) ?? { right, columns: new Set() };
      columns.set(key, { right, columns: known.columns.add(column) });
      continue;
    }
    const key = JSON.stringify([form, object]);
    const known = byObject.get(key) ?? { right, actions: new Set() };
    byObject.set(key, { right, actions: known.actions.add(action) });
  }
  const whole = new Map<string, { form: string; objects: string[]; actions: string[] }>();
  for (const { right, actions } of byObject.values()) {
    const sorted = [...actions].sort();
    const key = JSON.stringify([right.form, sorted]);
    const known = whole.get(key) ?? { form: right.form, objects: [], actions: sorted };
    known.objects.push(right.object);
    whole.set(key, known);
  }
  const parts = new Map<string, { object: string; columns: string[]; actions: string[] }>();
  for (const { right, columns: names } of columns.values()) {
    const sorted = [...names].sort();
    const key = JSON.stringify([right.object, sorted]);
    const known = parts.get(key) ?? { object: right.object, columns: sorted, actions: [] };
    known.actions.push(right.action);
    parts.set(key, known);
  }
  return [
    ...[...whole.values()].map(({ form, objects, actions }) => ({
      [form]: objects.sort(),
      actions,
    })),
    ...[...parts.values()].map(({ object, columns: names, actions }) => ({
      tables: [object],
      actions: actions.sort(),
      columns: names,
    })),
  ];
}
