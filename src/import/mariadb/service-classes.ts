// SPDX-License-Identifier: Apache-2.0
import { freeName, type ImportedDocument } from '../document.ts';

/** One limit of one account. */
export interface AccountLimits {
  readonly user: string;
  readonly host: string;
  readonly name: string;
  readonly value: number;
}

const NAMES = [
  'MAX_USER_CONNECTIONS',
  'MAX_STATEMENT_TIME',
  'MAX_QUERIES_PER_HOUR',
  'MAX_UPDATES_PER_HOUR',
  'MAX_CONNECTIONS_PER_HOUR',
];

/** Rows of the query for limits; zero is no limit. */
export function readLimits(
  rows: readonly (readonly (string | null)[])[],
): readonly AccountLimits[] {
  return rows.flatMap(([user, host, ...values]) =>
    NAMES.flatMap((name, index) => {
      const value = Number(values[index] ?? 0);
      return value > 0 ? [{ user: user ?? '', host: host ?? '', name, value }] : [];
    }),
  );
}

/** ServiceClasses, one for each set of limits. */
export class ServiceClasses {
  readonly #taken: Set<string>;
  /** By name; and the name by what it limits. */
  readonly #names = new Map<string, string>();
  readonly #specs = new Map<string, Readonly<Record<string, string | number>>>();

  /** `taken` are names that are declared already. */
  constructor(taken: Iterable<string>) {
    this.#taken = new Set(taken);
  }

  /** Why a limit has no place in a ServiceClass; undefined where it has. */
  static reasonAgainst({ name, value }: AccountLimits): string | undefined {
    if (name === 'MAX_USER_CONNECTIONS' || name === 'MAX_STATEMENT_TIME') return undefined;
    const perSecond = Math.max(1, Math.round(value / 3600));
    return name === 'MAX_QUERIES_PER_HOUR'
      ? `limits are per second, not per hour: "requestsPerSecond: ${perSecond}" of a ServiceClass is the same on average`
      : 'no limit of a ServiceClass counts that';
  }

  /** The class with these limits, made when there is none; undefined where nothing is limited. */
  of(limits: readonly AccountLimits[]): string | undefined {
    const value = (name: string) => limits.find((one) => one.name === name)?.value;
    const connections = value('MAX_USER_CONNECTIONS');
    const seconds = value('MAX_STATEMENT_TIME');
    if (connections === undefined && seconds === undefined) return undefined;
    const ms = seconds === undefined ? undefined : Math.ceil(seconds * 1000);
    const wanted = [
      ...(connections === undefined ? [] : [`${connections}-connections`]),
      ...(ms === undefined ? [] : [`${ms}-ms`]),
    ].join('-');
    const name = this.#names.get(wanted) ?? freeName(wanted, this.#taken);
    this.#names.set(wanted, name);
    this.#specs.set(name, {
      ...(connections !== undefined && { connections }),
      ...(ms !== undefined && { requestTimeout: `${ms}ms` }),
    });
    return name;
  }

  documents(): readonly ImportedDocument[] {
    return [...this.#specs].map(([name, spec]) => ({
      kind: 'ServiceClass',
      name,
      namespace: '',
      spec,
    }));
  }
}
