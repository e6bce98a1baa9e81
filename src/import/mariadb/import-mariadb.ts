// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../../compile/istio/artifact.ts';
import type { ObservedAccount, ObservedRight, ObservedState } from '../../compile/sql/observed.ts';
import { rightsText } from '../../compile/sql/right.ts';
import { holderKey } from '../../compile/sql/server-state.ts';
import { documentId, freeName, type Imported, type ImportedDocument } from '../document.ts';
import { Ledger } from '../ledger.ts';
import { type AccountMap, accountMapSkeleton, useOf } from './account-map.ts';
import { carriedRight } from './carried-right.ts';
import { DataRoles } from './data-roles.ts';
import { type Holder, holderName, rolesOf, setAside } from './holders.ts';
import { type AccountLimits, ServiceClasses } from './service-classes.ts';

/** One server, read. */
export interface ServerSnapshot {
  readonly state: ObservedState;
  readonly limits: readonly AccountLimits[];
  readonly schemas?: readonly string[];
}

export interface MariadbImportOptions {
  readonly namespace: string;
  readonly name: string;
  /** Labels that select the Target. */
  readonly labels: Readonly<Record<string, string>>;
  /** What the Target is made of; absent: it is declared already. */
  readonly target?: { readonly host: string; readonly port: number; readonly tls: Value };
  readonly map: AccountMap;
  /** Ids of documents that are declared already, such as `DataRole/data/reader-of-orders`. */
  readonly taken: ReadonlySet<string>;
}

export interface MariadbImport extends Imported {
  /** A map to fill in. */
  readonly accountMap: string;
}

/** Accounts and grants of a server -> a declaration in Observe mode. Pure. */
export function importMariadb(
  snapshot: ServerSnapshot,
  options: MariadbImportOptions,
): MariadbImport {
  return new MariadbImporter(snapshot, options).run();
}

interface ImportedGrant {
  readonly name: string;
  readonly role: string;
  readonly serviceClass?: string;
  readonly subjects: Value[];
}

const holder = (one: Holder) => holderKey(one.user, one.host);
const rightKey = (right: ObservedRight) => `right ${JSON.stringify(right)}`;

class MariadbImporter {
  readonly #ledger = new Ledger();
  readonly #snapshot: ServerSnapshot;
  readonly #options: MariadbImportOptions;
  readonly #roles: DataRoles;
  readonly #classes: ServiceClasses;
  readonly #grantNames: Set<string>;
  readonly #aside = new Map<string, string>();
  /** By DataRole and ServiceClass: who has it. */
  readonly #grants = new Map<string, ImportedGrant>();

  constructor(snapshot: ServerSnapshot, options: MariadbImportOptions) {
    this.#snapshot = snapshot;
    this.#options = options;
    const takenNames = (prefix: string) =>
      [...options.taken].flatMap((id) => (id.startsWith(prefix) ? [id.slice(prefix.length)] : []));
    const { namespace } = options;
    this.#roles = new DataRoles(snapshot.state, namespace, takenNames(`DataRole/${namespace}/`));
    this.#classes = new ServiceClasses(takenNames('ServiceClass/'));
    this.#grantNames = new Set(takenNames(`Grant/${namespace}/`));
    for (const account of snapshot.state.accounts) {
      const reason = setAside(account, snapshot.state);
      if (reason !== undefined) this.#aside.set(holder(account), reason);
    }
  }

  run(): MariadbImport {
    const { accounts } = this.#snapshot.state;
    this.#openFacts();
    for (const right of this.#snapshot.state.rights) this.#carryRight(right);
    for (const proxy of this.#snapshot.state.proxies) {
      const why = 'nobody may become another account: give each its own Grant';
      this.#ledger.leave(`proxy ${JSON.stringify(proxy)}`, why);
    }
    const people = accounts.filter((one) => !one.isRole);
    for (const role of accounts.filter((one) => one.isRole)) this.#settleRole(role);
    for (const account of people) this.#settleAccount(account);
    return {
      documents: this.#documents(),
      entries: this.#ledger.close(),
      accountMap: this.#skeleton(people),
    };
  }

  #openFacts(): void {
    const { state, limits } = this.#snapshot;
    const roles = new Set(state.accounts.filter((one) => one.isRole).map(({ user }) => user));
    const origin = (one: Holder) =>
      roles.has(one.user) && one.host === '' ? `role ${one.user}` : `account ${holderName(one)}`;
    for (const account of state.accounts) {
      const text = account.isRole ? 'is a role' : `may log in from ${account.host}`;
      this.#ledger.open(`account ${holder(account)}`, { origin: origin(account), text });
      for (const text of attributesOf(account)) {
        this.#ledger.open(`attribute ${holder(account)} ${text}`, {
          origin: origin(account),
          text,
        });
      }
    }
    for (const right of state.rights) {
      this.#ledger.open(rightKey(right), { origin: origin(right), text: rightsText([right]) });
    }
    for (const member of state.members) {
      const text = `holds the role ${member.role}${member.admin ? ' with admin option' : ''}`;
      this.#ledger.open(`member ${JSON.stringify(member)}`, { origin: origin(member), text });
    }
    for (const proxy of state.proxies) {
      const as = holderName({ user: proxy.proxiedUser, host: proxy.proxiedHost });
      const text = `may log in as ${as === '@' ? 'anybody' : as}`;
      this.#ledger.open(`proxy ${JSON.stringify(proxy)}`, { origin: origin(proxy), text });
    }
    for (const limit of limits) {
      const { name, value } = limit;
      const fact = { origin: origin(limit), text: `${name} ${value}` };
      this.#ledger.open(`limit ${holder(limit)} ${name}`, fact);
    }
  }

  #carryRight(right: ObservedRight): void {
    const aside = this.#aside.get(holder(right));
    const known = this.#snapshot.state.accounts.some((one) => holder(one) === holder(right));
    if (aside !== undefined || !known) {
      const orphan = 'the account is gone and its rows are left: DELETE them from mysql.db';
      this.#ledger.leave(rightKey(right), aside ?? orphan);
      return;
    }
    const { state, schemas } = this.#snapshot;
    const outcome = carriedRight(right, { routines: state.routines, ...(schemas && { schemas }) });
    if ('left' in outcome) return this.#ledger.leave(rightKey(right), outcome.left);
    this.#roles.add(right, outcome.rights, outcome.changed, rightKey(right));
  }

  #settleRole(role: ObservedAccount): void {
    const key = `account ${holder(role)}`;
    const aside = this.#aside.get(holder(role));
    const dataRole = this.#roles.nameOf(role);
    if (aside !== undefined) this.#ledger.leave(key, aside);
    else if (dataRole !== undefined) this.#ledger.carry(key, this.#roleId(dataRole));
    else this.#ledger.leave(key, 'it holds nothing of its own that a DataRole can say');
    for (const text of attributesOf(role)) {
      this.#ledger.leave(`attribute ${holder(role)} ${text}`, 'a role has no login');
    }
    this.#settleMembers(role, aside, undefined);
    this.#settleLimits(role, aside ?? 'a role has no login');
  }

  #settleAccount(account: ObservedAccount): void {
    const key = `account ${holder(account)}`;
    const use = useOf(account, this.#options.map);
    const aside = this.#aside.get(holder(account)) ?? asideByMap(use?.use);
    const roles = [account, ...[...rolesOf(account, this.#snapshot.state)].map(asRole)].flatMap(
      (one) => this.#roles.nameOf(one) ?? [],
    );
    const subjects = use?.use === 'subjects' ? use.subjects : undefined;
    let why = aside;
    if (why === undefined && roles.length === 0) why = 'it holds nothing that a DataRole can say';
    if (why === undefined && !subjects) why = UNMAPPED;
    const serviceClass = why === undefined ? this.#settleLimits(account) : undefined;
    if (why !== undefined) this.#settleLimits(account, why);
    const ids =
      why === undefined && subjects
        ? [...new Set(roles)].map((role) => this.#grant(role, serviceClass, subjects))
        : [];
    for (const id of ids) {
      if (account.host === '%') this.#ledger.carry(key, id);
      else
        this.#ledger.change(
          key,
          id,
          `wider: from any address, not from ${account.host} alone; identity decides`,
        );
    }
    if (ids.length === 0) this.#ledger.leave(key, why ?? UNMAPPED);
    for (const text of attributesOf(account)) {
      this.#ledger.leave(`attribute ${holder(account)} ${text}`, aside ?? attributeReason(text));
    }
    this.#settleMembers(account, why, ids[0]);
  }

  #settleMembers(one: ObservedAccount, why: string | undefined, grant: string | undefined): void {
    for (const member of this.#snapshot.state.members) {
      if (member.user !== one.user || member.host !== one.host) continue;
      const key = `member ${JSON.stringify(member)}`;
      const dataRole = this.#roles.nameOf(asRole(member.role));
      const into =
        grant ?? (one.isRole && dataRole !== undefined ? this.#roleId(dataRole) : undefined);
      if (why !== undefined || into === undefined) {
        this.#ledger.leave(key, why ?? 'the role holds nothing that a DataRole can say');
      } else if (member.admin) {
        this.#ledger.change(
          key,
          into,
          'narrower: who may pass a role on is whoever may change the declaration',
        );
      } else if (one.isRole || one.defaultRole === member.role) this.#ledger.carry(key, into);
      else
        this.#ledger.change(
          key,
          into,
          'wider: it had to SET ROLE first; Grants hold at once, all of them',
        );
    }
  }

  /** The class of an account's limits; with a reason none of them is carried. */
  #settleLimits(account: ObservedAccount, why?: string): string | undefined {
    const limits = this.#snapshot.limits.filter((one) => holder(one) === holder(account));
    const found = why === undefined ? this.#classes.of(limits) : undefined;
    for (const limit of limits) {
      const key = `limit ${holder(limit)} ${limit.name}`;
      const reason = ServiceClasses.reasonAgainst(limit) ?? why;
      if (reason !== undefined || found === undefined) this.#ledger.leave(key, reason ?? '');
      else this.#ledger.carry(key, `ServiceClass/${found}`);
    }
    return found;
  }

  #grant(role: string, serviceClass: string | undefined, subjects: readonly Value[]): string {
    const key = JSON.stringify([role, serviceClass ?? null]);
    let grant = this.#grants.get(key);
    if (!grant) {
      const wanted = serviceClass === undefined ? role : `${role}-${serviceClass}`;
      const name = freeName(wanted, this.#grantNames);
      grant = { name, role, subjects: [], ...(serviceClass !== undefined && { serviceClass }) };
      this.#grants.set(key, grant);
    }
    const present = new Set(grant.subjects.map((one) => JSON.stringify(one)));
    grant.subjects.push(...subjects.filter((one) => !present.has(JSON.stringify(one))));
    return documentId({ kind: 'Grant', name: grant.name, namespace: this.#options.namespace });
  }

  #documents(): readonly ImportedDocument[] {
    const { namespace, name, labels, target } = this.#options;
    const roles = this.#roles.documents();
    for (const { key, role, changed } of this.#roles.carried()) {
      if (changed === undefined) this.#ledger.carry(key, this.#roleId(role));
      else this.#ledger.change(key, this.#roleId(role), changed);
    }
    const grants = [...this.#grants.values()].map(
      ({ name: grant, role, serviceClass, subjects }) => ({
        kind: 'Grant' as const,
        name: grant,
        namespace,
        spec: {
          subjects,
          targetSelector: { matchLabels: labels },
          role,
          ...(serviceClass !== undefined && { serviceClass }),
        },
      }),
    );
    const declared: readonly ImportedDocument[] = target
      ? [{ kind: 'Target', name, namespace, labels, spec: this.#targetSpec(target) }]
      : [];
    return [...declared, ...roles, ...this.#classes.documents(), ...grants];
  }

  #targetSpec({ host, port, tls }: NonNullable<MariadbImportOptions['target']>) {
    const operators = this.#snapshot.state.accounts
      .filter((one) => useOf(one, this.#options.map)?.use === 'operator')
      .map((one) => holderName(one));
    const schemas = this.#roles.schemas();
    return {
      expose: { port: 3306 },
      enforcement: 'Observe',
      mariadb: {
        endpoints: [{ host, port }],
        tls,
        broker: { user: 'postern_broker', password: { file: 'broker-password' } },
        reader: { user: 'postern_reader', password: { file: 'reader-password' } },
        ...(operators.length > 0 && { operators }),
        ...(schemas.length > 0 && { schemas }),
      },
    };
  }

  #roleId(name: string): string {
    return documentId({ kind: 'DataRole', name, namespace: this.#options.namespace });
  }

  #skeleton(people: readonly ObservedAccount[]): string {
    const rows = people.flatMap((account) => {
      if (this.#aside.has(holder(account))) return [];
      const { rights } = this.#snapshot.state;
      const own = rights.filter((one) => holder(one) === holder(account));
      const roles = [...rolesOf(account, this.#snapshot.state)];
      const holds = [
        ...(own.length > 0 ? [rightsText(own)] : []),
        ...roles.map((one) => `role ${one}`),
      ];
      return [{ name: holderName(account), holds: holds.join('; ') || 'nothing' }];
    });
    return accountMapSkeleton(rows);
  }
}

const UNMAPPED =
  'nothing tells whose it is: an account is a name and a password, and no identity. Write into the map who uses it';

function asRole(user: string): Holder {
  return { user, host: '' };
}

function asideByMap(use: string | undefined): string | undefined {
  if (use === 'operator') return 'the map says that it stays beside Postern, as an operator';
  return use === 'retire' ? 'the map says that it will go' : undefined;
}

/** What besides rights an account says, one text each. */
function attributesOf(account: ObservedAccount): readonly string[] {
  const { isRole, locked, passwordOnly, defaultRole, requires } = account;
  const { type, issuer, subject } = requires;
  const names = [issuer && `issuer ${issuer}`, subject && `subject ${subject}`].filter(Boolean);
  return [
    ...(locked ? ['is locked'] : []),
    ...(type === 'none' ? [] : [`requires ${[type, ...names].join(' ')}`]),
    ...(isRole || passwordOnly ? [] : ['logs in by another way than one password']),
    ...(defaultRole === '' ? [] : [`starts with the role ${defaultRole}`]),
  ];
}

function attributeReason(text: string): string {
  if (text.startsWith('requires'))
    return 'principals prove who they are to Postern, always over TLS; leases have requirements of their own';
  if (text.startsWith('starts with')) return 'Grants hold at once: there is nothing to start with';
  return 'principals log in by their identity; Postern lends accounts with passwords of its own';
}
