// SPDX-License-Identifier: Apache-2.0
import { rolesOf } from './desired.ts';
import { type Difference, holderSql, holderText } from './difference.ts';
import {
  exceedingAccess,
  type ForeignAccess,
  foreignAccessText,
  revokeStatements as revokeAccess,
} from './foreign-access.ts';
import type { Scope } from './managed.ts';
import { schemaPatternReaches } from './name-pattern.ts';
import type { ObservedRight } from './observed.ts';
import { quoteString } from './quote.ts';
import { revokeStatements, rightsText } from './right.ts';
import type { ServerState } from './server-state.ts';

/** The server's own accounts, which only its host reaches. */
export const SERVER_ACCOUNTS: readonly string[] = [
  'root@localhost',
  'mysql@localhost',
  'mariadb.sys@localhost',
];
/** Global privileges that open no data and cannot be turned into ones that do. */
const HARMLESS = new Set([
  'PROCESS',
  'SHOW DATABASES',
  'REPLICATION SLAVE',
  'BINLOG MONITOR',
  'SLAVE MONITOR',
  'CONNECTION ADMIN',
  'READ_ONLY ADMIN',
  'RELOAD',
  'SHUTDOWN',
]);

/** Access of others to what is declared: never touched, only named. */
export function compareForeign(scope: Scope, state: ServerState): readonly Difference[] {
  return [
    ...foreignAccounts(scope, state).toSorted((a, b) => (a.place < b.place ? -1 : 1)),
    ...heldByAll(scope, state),
    ...shadows(scope, state),
    ...proxies(scope, state),
  ];
}

function foreignAccounts(scope: Scope, state: ServerState): readonly Difference[] {
  const allowed = new Set([...SERVER_ACCOUNTS, ...scope.operators]);
  const managed = managedUsers(scope, state);
  const found: Difference[] = [];
  for (const { user, host } of state.all.accounts) {
    const name = holderText(user, host);
    if (user === '' || user === 'PUBLIC' || managed.has(user) || allowed.has(name)) continue;
    const reaching = state.rights(user, host).filter((right) => reaches(right, scope.schemas));
    if (reaching.length === 0) continue;
    const onlyByPattern = reaching.every(
      ({ level, schema }) => level === 'schema' && /(^|[^\\])[_%]/.test(schema),
    );
    found.push({
      code: onlyByPattern ? 'foreign-pattern' : 'foreign-account',
      cause: 'drift',
      place: `account ${name}`,
      text: onlyByPattern
        ? `It holds ${rightsText(reaching)}; in a GRANT _ and % stand for any character.`
        : `It holds ${rightsText(reaching)}, past the gateway.`,
      by: 'operator',
      statements: revokeStatements(reaching, holderSql(user, host)),
      holder: name,
      rights: reaching,
    });
  }
  return found;
}

function reaches(right: ObservedRight, schemas: readonly string[]): boolean {
  const { level, schema, object, privilege } = right;
  if (level === 'global') return !HARMLESS.has(privilege);
  // Other Targets of this server have readers of their own.
  if (level === 'procedure' && schema === 'postern' && object === 'observe') return false;
  const guarded = [...schemas, 'postern', 'mysql'];
  if (level === 'schema') return guarded.some((one) => schemaPatternReaches(schema, one));
  return guarded.some((one) => one.toLowerCase() === schema.toLowerCase());
}

/** PUBLIC, and accounts without a name: what they hold, everybody does. */
function heldByAll(scope: Scope, state: ServerState): readonly Difference[] {
  const held = new Map<ForeignAccess, readonly ObservedRight[]>();
  const places = new Map<string, ObservedRight[]>();
  for (const right of state.all.rights) {
    const byAll = right.user === 'PUBLIC' || (right.user === '' && right.level === 'schema');
    if (!byAll) continue;
    const { user, host, level, schema, object, column } = right;
    const key = JSON.stringify([user, host, level, schema, object, column]);
    places.set(key, [...(places.get(key) ?? []), right]);
  }
  for (const rights of places.values()) {
    const [first] = rights;
    if (!first) continue;
    const access = {
      holder: first.user,
      level: first.level,
      schema: first.schema,
      object: first.level === 'column' ? `${first.object}.${first.column}` : first.object,
      privileges: rights.map(({ privilege }) => privilege).join(', '),
      host: first.host,
    };
    held.set(access, rights);
  }
  for (const { role } of state.roles('PUBLIC', '')) {
    const none = { schema: '', privileges: '', host: '' };
    held.set({ holder: 'PUBLIC', level: 'role', object: role, ...none }, []);
  }
  const excess = exceedingAccess([...held.keys()], rolesOf(scope.policy, scope.target));
  return [
    ...excess.map(
      (access): Difference => ({
        code: access.holder === '' ? 'anonymous-access' : 'public-widened',
        cause: 'drift',
        place: access.holder === '' ? `account ''@${access.host}` : 'PUBLIC',
        text: `${foreignAccessText(access)}, and so does every lease.`,
        by: 'operator',
        statements: revokeAccess(access),
        holder: access.holder === '' ? `''@${access.host}` : 'PUBLIC',
        rights: held.get(access) ?? [],
      }),
    ),
    ...state.all.accounts
      .filter(({ user, locked }) => user === '' && !locked)
      .map(
        ({ host }): Difference => ({
          code: 'anonymous-account',
          cause: 'drift',
          place: `account ''@${host}`,
          text: 'Anybody may log in as nobody.',
          by: 'operator',
          statements: [`DROP USER ${holderSql('', host)}`],
          holder: `''@${host}`,
        }),
      ),
  ];
}

/** MariaDB picks the account with the most exact host: a second one of our name goes first. */
function shadows(scope: Scope, state: ServerState): readonly Difference[] {
  const { registry } = state.all;
  const hosts = new Map([
    [scope.installation.owner.user, scope.installation.owner.host],
    ...[scope.broker, ...(scope.reader === undefined ? [] : [scope.reader])].map(
      (user) => [user, '%'] as const,
    ),
    ...registry.leases.map(({ account }) => [account, '%'] as const),
    ...registry.views.map(({ definer }) => [definer, 'localhost'] as const),
  ]);
  return state.all.accounts
    .filter(({ user, host }) => hosts.has(user) && hosts.get(user) !== host)
    .map(({ user, host }) => ({
      code: 'account-shadowed',
      cause: 'drift',
      place: `account ${holderText(user, host)}`,
      text: `It has the name of an account of ours, at another host than ${hosts.get(user)}.`,
      by: 'operator',
      statements: [`DROP USER ${holderSql(user, host)}`],
      holder: holderText(user, host),
    }));
}

function proxies(scope: Scope, state: ServerState): readonly Difference[] {
  const allowed = new Set([...SERVER_ACCOUNTS, ...scope.operators]);
  const managed = managedUsers(scope, state);
  return state.all.proxies
    .filter(({ user, host }) => state.account(user, host) && !allowed.has(`${user}@${host}`))
    .filter(({ proxiedUser }) => proxiedUser === '' || managed.has(proxiedUser))
    .map(({ user, host, proxiedUser, proxiedHost }) => ({
      code: 'proxy-foreign',
      cause: 'drift',
      place: `account ${holderText(user, host)}`,
      text: `It may log in as ${proxiedUser === '' ? 'anybody' : holderText(proxiedUser, proxiedHost)}.`,
      by: 'operator',
      // REVOKE PROXY needs the right to pass on that very proxy, which administrators often lack.
      statements: [
        `DELETE FROM mysql.proxies_priv WHERE User = ${quoteString(user)} AND Host = ${quoteString(host)} AND Proxied_user = ${quoteString(proxiedUser)} AND Proxied_host = ${quoteString(proxiedHost)}`,
        'FLUSH PRIVILEGES',
      ],
      holder: holderText(user, host),
    }));
}

/** Names of the accounts and roles that are of Postern, also of other Targets of the server. */
export function managedUsers(scope: Scope, { all }: ServerState): ReadonlySet<string> {
  const { registry } = all;
  return new Set([
    scope.installation.owner.user,
    scope.broker,
    ...(scope.reader === undefined ? [] : [scope.reader]),
    ...registry.brokers.map(({ name }) => name),
    ...registry.roles.map(({ name }) => name),
    ...registry.composites.map(({ name }) => name),
    ...registry.leases.map(({ account }) => account),
    ...registry.views.map(({ definer }) => definer),
    ...scope.desired.roles.map(({ name }) => name),
    ...scope.desired.views.map(({ definer }) => definer),
  ]);
}
