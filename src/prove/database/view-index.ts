// SPDX-License-Identifier: Apache-2.0
import type { ObservedView } from '../../compile/sql/observed.ts';
import type { FoldName } from './grantee.ts';
import { readViewText, type TableName, type ViewText } from './view-text.ts';

/** A view with what its text says; undefined: not shown to the reader, or not understood. */
export interface IndexedView extends ObservedView {
  readonly parsed: ViewText | undefined;
}

/** Views by their own name and by the tables that they read. */
export class ViewIndex {
  readonly all: readonly IndexedView[];
  readonly #fold: FoldName;
  readonly #byName = new Map<string, IndexedView>();
  readonly #byTable = new Map<string, IndexedView[]>();

  constructor(views: readonly ObservedView[], fold: FoldName) {
    this.#fold = fold;
    this.all = views.map((view) => ({ ...view, parsed: readViewText(view.text) }));
    for (const view of this.all) {
      this.#byName.set(this.#key(view), view);
      const tables = new Set((view.parsed?.tables ?? []).map((table) => this.#key(table)));
      for (const table of tables) {
        this.#byTable.set(table, [...(this.#byTable.get(table) ?? []), view]);
      }
    }
  }

  get(name: TableName): IndexedView | undefined {
    return this.#byName.get(this.#key(name));
  }

  /** Those whose text names the table, which may be a view itself. */
  over(table: TableName): readonly IndexedView[] {
    return this.#byTable.get(this.#key(table)) ?? [];
  }

  same(one: TableName, other: TableName): boolean {
    return this.#key(one) === this.#key(other);
  }

  #key({ schema, name }: TableName): string {
    return JSON.stringify([this.#fold(schema), this.#fold(name)]);
  }
}
