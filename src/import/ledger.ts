// SPDX-License-Identifier: Apache-2.0

/** One thing that was there before: where, and what it says. */
export interface ImportFact {
  /** `account app@%`, or a file and line. */
  readonly origin: string;
  readonly text: string;
}

export interface LedgerEntry extends ImportFact {
  /** `changed`: it is in the declaration, and means something else there. */
  readonly outcome: 'carried' | 'changed' | 'left';
  /** The documents it is in now. */
  readonly into: readonly string[];
  /** Why it was left or changed, and what to do. */
  readonly why?: string;
}

interface Open extends ImportFact {
  readonly into: Set<string>;
  changed?: string;
  left?: string;
}

/**
 * Every fact of what is imported, and what became of it. Nothing can be dropped: an import that
 * leaves a fact open does not end.
 */
export class Ledger {
  readonly #facts = new Map<string, Open>();

  /** Throws when the key is taken: two facts must not answer for each other. */
  open(key: string, fact: ImportFact): void {
    if (this.#facts.has(key)) throw new Error(`the fact ${key} is there twice`);
    this.#facts.set(key, { ...fact, into: new Set() });
  }

  carry(key: string, into: string): void {
    this.#fact(key).into.add(into);
  }

  /** In the declaration, and `why` it means something else there. */
  change(key: string, into: string, why: string): void {
    const fact = this.#fact(key);
    fact.into.add(into);
    fact.changed ??= why;
  }

  /** Not in the declaration. What was carried elsewhere stays carried. */
  leave(key: string, why: string): void {
    this.#fact(key).left ??= why;
  }

  /** In the order in which they were opened. Throws when anything is unaccounted for. */
  close(): readonly LedgerEntry[] {
    return [...this.#facts].map(([key, { origin, text, into, changed, left }]): LedgerEntry => {
      const fact = { origin, text, into: [...into].sort() };
      if (into.size > 0) {
        if (changed === undefined) return { ...fact, outcome: 'carried' };
        return { ...fact, outcome: 'changed', why: changed };
      }
      if (left === undefined) throw new Error(`the fact ${key} is unaccounted for`);
      return { ...fact, outcome: 'left', why: left };
    });
  }

  #fact(key: string): Open {
    const fact = this.#facts.get(key);
    if (!fact) throw new Error(`there is no fact ${key}`);
    return fact;
  }
}
