// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import type { ObservedAccount, ObservedLease, ObservedRight, ObservedState } from './observed.ts';
import { GLOBAL_PRIVILEGES, OBJECT_PRIVILEGES, SCHEMA_PRIVILEGES } from './observed-privilege.ts';
import type { Right } from './right.ts';

/** What an account's JSON may say; a key that is not here could mean another way in. */
const ACCOUNT_KEYS = new Set([
  'access',
  'version_id',
  'plugin',
  'authentication_string',
  'auth_or',
  'is_role',
  'account_locked',
  'password_last_changed',
  'password_lifetime',
  'default_role',
  'ssl_type',
  'ssl_cipher',
  'x509_issuer',
  'x509_subject',
  'max_questions',
  'max_updates',
  'max_connections',
  'max_user_connections',
  'max_statement_time',
]);
const REQUIRE_TYPES = ['none', 'tls', 'x509', 'names'] as const;
const SCHEMA_NAMES: ReadonlyMap<string, string> = new Map(
  SCHEMA_PRIVILEGES.map(([, privilege]) => [privilege, privilege]),
);

type Rows = readonly (readonly (string | null)[])[];
type Mutable<T> = { -readonly [K in keyof T]: T[K] extends readonly (infer E)[] ? E[] : T[K] };
type State = Mutable<Omit<ObservedState, 'registry'>> & {
  registry: Mutable<ObservedState['registry']>;
};

/**
 * The rows of `postern.observe()`. Nothing is passed over: a part, a privilege or a shape that this
 * build does not know rejects with `target-unsupported`, because it could be access.
 */
export function readObserved(rows: Rows, target: string): ObservedState {
  const state: State = {
    accounts: [],
    rights: [],
    members: [],
    proxies: [],
    views: [],
    routines: [],
    registry: {
      version: '',
      brokers: [],
      applied: [],
      roles: [],
      views: [],
      composites: [],
      leases: [],
    },
  };
  for (const [part, json] of rows) {
    const fact = new Fact(part ?? '', json ?? '', target);
    const read = READERS[part ?? ''];
    if (!read) throw fact.fault('is of a kind this build does not know');
    read(fact, state);
    fact.end();
  }
  return state;
}

const READERS: Readonly<Record<string, (fact: Fact, state: State) => void>> = {
  account: readAccount,
  schema: (fact, { rights }) => {
    const [user, host, schema] = [fact.text(), fact.text(), fact.text()];
    const place = { level: 'schema' as const, schema, object: '', column: '' };
    addRights(rights, { user, host }, place, fact.privileges(', ', SCHEMA_NAMES));
  },
  'schema-column': (fact) => {
    throw fact.fault('is a privilege that this build does not know');
  },
  table: (fact, { rights }) => {
    const holder = { user: fact.text(), host: fact.text() };
    const [schema, object] = [fact.text(), fact.text()];
    const place = { level: 'table' as const, schema, object, column: '' };
    addRights(rights, holder, place, fact.privileges(',', OBJECT_PRIVILEGES));
  },
  column: (fact, { rights }) => {
    const holder = { user: fact.text(), host: fact.text() };
    const [schema, object, column] = [fact.text(), fact.text(), fact.text()];
    const place = { level: 'column' as const, schema, object, column };
    addRights(rights, holder, place, fact.privileges(',', OBJECT_PRIVILEGES));
  },
  'routine-right': (fact, { rights }) => {
    const holder = { user: fact.text(), host: fact.text() };
    const [schema, object] = [fact.text(), fact.text()];
    const type = fact.oneOf('PROCEDURE', 'FUNCTION');
    const level = type === 'PROCEDURE' ? ('procedure' as const) : ('function' as const);
    const place = { level, schema, object, column: '' };
    addRights(rights, holder, place, fact.privileges(',', OBJECT_PRIVILEGES));
  },
  proxy: (fact, { proxies }) => {
    const holder = { user: fact.text(), host: fact.text() };
    proxies.push({ ...holder, proxiedUser: fact.text(), proxiedHost: fact.text() });
    fact.flag();
  },
  member: (fact, { members }) => {
    const holder = { user: fact.text(), host: fact.text() };
    members.push({ ...holder, role: fact.text(), admin: fact.oneOf('Y', 'N') === 'Y' });
  },
  view: (fact, { views }) => {
    const [schema, name, definer] = [fact.text(), fact.text(), fact.text()];
    const security = fact.oneOf('DEFINER', 'INVOKER');
    views.push({ schema, name, definer, security, text: fact.text() });
  },
  routine: (fact, { routines }) => {
    const type = fact.oneOf('PROCEDURE', 'FUNCTION', 'PACKAGE', 'PACKAGE BODY');
    const [schema, name, definer] = [fact.text(), fact.text(), fact.text()];
    const security = fact.oneOf('DEFINER', 'INVOKER');
    routines.push({ type, schema, name, definer, security, bodySha256: fact.text() });
  },
  meta: (fact, { registry }) => {
    const [name, value] = [fact.text(), fact.text()];
    if (name === 'version') registry.version = value;
  },
  broker: (fact, { registry }) => {
    const [name, target, transport] = [fact.text(), fact.text(), fact.text()];
    registry.brokers.push({ name, target, transport });
  },
  applied: (fact, { registry }) => {
    const [broker, revision, at] = [fact.text(), fact.text(), fact.text()];
    registry.applied.push({ broker, revision, at, declaration: fact.text() });
  },
  'managed-role': (fact, { registry }) => {
    const [name, broker, dataRole] = [fact.text(), fact.text(), fact.text()];
    registry.roles.push({ name, broker, dataRole, ready: fact.flag() });
  },
  'managed-view': (fact, { registry }) => {
    const [schema, name, definer, broker] = [fact.text(), fact.text(), fact.text(), fact.text()];
    registry.views.push({ schema, name, definer, broker });
  },
  composite: (fact, { registry }) => {
    registry.composites.push({ name: fact.text(), roles: fact.text().split(',') });
  },
  lease: (fact, { registry }) => {
    const lease: ObservedLease = {
      account: fact.text(),
      broker: fact.optionalText(),
      composite: fact.text(),
      state: fact.oneOf('lent', 'revoked'),
      passwordAsLent: fact.optionalFlag(),
      bindingAsLent: fact.optionalFlag(),
    };
    registry.leases.push(lease);
  },
};

function readAccount(fact: Fact, { accounts, rights }: State): void {
  const [user, host] = [fact.text(), fact.text()];
  const unknown = fact.texts().find((key) => !ACCOUNT_KEYS.has(key));
  if (unknown !== undefined) throw fact.fault(`says "${unknown}", which this build does not know`);
  const access = BigInt(fact.optionalText() ?? '0');
  if (access < 0n || access >> BigInt(GLOBAL_PRIVILEGES.length) !== 0n) {
    throw fact.fault(`has privileges that this build does not know (access ${access})`);
  }
  const names = GLOBAL_PRIVILEGES.filter((_, bit) => (access >> BigInt(bit)) & 1n);
  const isRole = fact.optionalFlag() ?? false;
  const locked = fact.optionalFlag() ?? false;
  const plugin = fact.optionalText();
  const alternatives = fact.flag();
  const account: ObservedAccount = {
    user,
    host,
    isRole,
    locked,
    passwordOnly: plugin === 'mysql_native_password' && !alternatives,
    defaultRole: fact.optionalText() ?? '',
    requires: {
      type: requireType(fact),
      issuer: fact.optionalText() ?? '',
      subject: fact.optionalText() ?? '',
    },
  };
  accounts.push(account);
  const place = { level: 'global' as const, schema: '', object: '', column: '' };
  addRights(rights, { user, host }, place, names);
}

function requireType(fact: Fact): ObservedAccount['requires']['type'] {
  const type = REQUIRE_TYPES[Number(fact.optionalText() ?? '0')];
  if (type === undefined) throw fact.fault('has a REQUIRE that this build does not know');
  return type;
}

function addRights(
  rights: ObservedRight[],
  holder: { readonly user: string; readonly host: string },
  place: Omit<Right, 'privilege'>,
  names: readonly string[],
): void {
  for (const privilege of names) rights.push({ ...holder, ...place, privilege });
}

/** One row, read value by value in its order. */
class Fact {
  readonly #part: string;
  readonly #json: string;
  readonly #target: string;
  readonly #values: readonly unknown[];
  #next = 0;

  constructor(part: string, json: string, target: string) {
    this.#part = part;
    this.#json = json;
    this.#target = target;
    const values = parsed(json);
    if (!Array.isArray(values)) throw this.fault('is not a JSON list');
    this.#values = values;
  }

  text(): string {
    const value = this.#take();
    if (typeof value !== 'string') throw this.fault(`has no text at place ${this.#next}`);
    return value;
  }

  /** JSON_VALUE gives numbers and booleans as text as well. */
  optionalText(): string | undefined {
    const value = this.#take();
    if (value === null) return undefined;
    if (typeof value === 'string') return value;
    throw this.fault(`has neither text nor null at place ${this.#next}`);
  }

  /** A list within a list comes as its text. */
  texts(): readonly string[] {
    const value = parsed(this.text());
    if (Array.isArray(value) && value.every((one) => typeof one === 'string')) return value;
    throw this.fault(`has no list of texts at place ${this.#next}`);
  }

  flag(): boolean {
    const value = this.optionalFlag();
    if (value === undefined) throw this.fault(`has null at place ${this.#next}`);
    return value;
  }

  optionalFlag(): boolean | undefined {
    const value = this.#take();
    if (value === null) return undefined;
    if (value === 1 || value === true || value === '1') return true;
    if (value === 0 || value === false || value === '0') return false;
    throw this.fault(`is neither true nor false at place ${this.#next}`);
  }

  oneOf<T extends string>(...known: readonly T[]): T {
    const value = this.text();
    const found = known.find((one) => one === value);
    if (found === undefined) throw this.fault(`has "${value}", which this build does not know`);
    return found;
  }

  privileges(separator: string, known: ReadonlyMap<string, string>): readonly string[] {
    const list = this.text();
    if (list === '') return [];
    return list.split(separator).map((name) => {
      const privilege = known.get(name);
      if (privilege === undefined) {
        throw this.fault(`has the privilege "${name}", which this build does not know`);
      }
      return privilege;
    });
  }

  end(): void {
    if (this.#next !== this.#values.length) throw this.fault('has another length');
  }

  #take(): unknown {
    if (this.#next === this.#values.length) throw this.fault('is too short');
    this.#next += 1;
    return this.#values[this.#next - 1];
  }

  fault(problem: string): PosternError {
    const shown = this.#json.slice(0, 200).replace(/\p{Cc}/gu, '?');
    const facts = { target: this.#target, problem: `the ${this.#part} ${shown} ${problem}` };
    return new PosternError('target-unsupported', facts);
  }
}

function parsed(json: string): unknown {
  try {
    return JSON.parse(json);
  } catch {
    return undefined;
  }
}
