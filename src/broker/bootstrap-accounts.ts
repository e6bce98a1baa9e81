// SPDX-License-Identifier: Apache-2.0
import { quoteIdentifier, quoteString } from '../compile/sql/quote.ts';
import { PosternError } from '../model/errors.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import type { CertificateNames } from './distinguished-name.ts';
import type { LeaseDialect } from './lease-dialect.ts';
import { brokerGrants } from './procedures.ts';
import { BROKER_PROCEDURES, OWNER_ACCOUNT, REGISTRY_VERSION } from './registry-schema.ts';

/** How the broker's own login is bound, and the weakest binding its leases may have. */
export type LeaseTransport =
  | { readonly transport: 'certificate'; readonly names: CertificateNames }
  | { readonly transport: 'tls' }
  | { readonly transport: 'none' };

export interface BrokerAccount {
  readonly user: string;
  /** As the target stores it; made by the dialect. */
  readonly passwordHash: string;
  readonly transport: LeaseTransport;
  /** Target id, for the registry. */
  readonly targetId: string;
  /** For plan, drift and proof, where it is declared; bound as the broker is. */
  readonly reader?: { readonly user: string; readonly passwordHash: string };
}

/**
 * Registry, owner, procedures and broker account; every statement may be run again. Procedures that
 * are `installed` are left as they are.
 */
export function installStatements(
  broker: BrokerAccount,
  dialect: LeaseDialect,
  installed: ReadonlySet<string> = new Set(),
): readonly string[] {
  const account = `${quoteIdentifier(brokerName(broker.user))}@'%'`;
  const { transport } = broker.transport;
  const registered = [broker.user, broker.targetId, transport].map(quoteString).join(', ');
  return [
    ...dialect.tables,
    ...dialect.sql.locked(OWNER_ACCOUNT),
    ...dialect.ownerPrivileges,
    dialect.session,
    ...dialect.procedures
      .filter(({ name }) => !installed.has(name))
      .flatMap(({ create }) => create),
    ...loginStatements(account, broker.passwordHash, broker.transport, dialect),
    ...brokerGrants(account),
    ...readerStatements(broker, dialect),
    `REPLACE INTO postern.broker (name, target, transport) VALUES (${registered})`,
    // Instances of broker accounts that are gone belong to nobody and could never be swept.
    'DELETE FROM postern.instance WHERE broker NOT IN (SELECT name FROM postern.broker)',
    `REPLACE INTO postern.meta (name, value) VALUES ('version', '${REGISTRY_VERSION}')`,
  ];
}

function readerStatements(
  { reader, transport }: BrokerAccount,
  dialect: LeaseDialect,
): readonly string[] {
  if (!reader || dialect.readerProcedure === undefined) return [];
  const account = `${quoteIdentifier(brokerName(reader.user))}@'%'`;
  return [
    ...loginStatements(account, reader.passwordHash, transport, dialect),
    `GRANT EXECUTE ON PROCEDURE postern.${dialect.readerProcedure} TO ${account}`,
  ];
}

function loginStatements(
  account: string,
  passwordHash: string,
  transport: LeaseTransport,
  dialect: LeaseDialect,
): readonly string[] {
  const login = dialect.login(passwordHash, requirement(transport));
  return [`CREATE USER IF NOT EXISTS ${account} ${login}`, `ALTER USER ${account} ${login}`];
}

/** REQUIRE takes no expressions: the texts are literals whose shape is checked instead. */
export function requirement(transport: LeaseTransport): string {
  if (transport.transport === 'none') return 'REQUIRE NONE';
  if (transport.transport === 'tls') return 'REQUIRE SSL';
  const { issuer, subject } = transport.names;
  return `REQUIRE ISSUER ${nameLiteral(issuer)} AND SUBJECT ${nameLiteral(subject)}`;
}

/** Bootstrap sets NO_BACKSLASH_ESCAPES for its session first, so only the quote is special. */
function nameLiteral(name: string): string {
  if (!/^\/[\x20-\x7e]+$/.test(name)) {
    throw new PosternError('usage', { problem: 'A certificate name is not in one-line form.' });
  }
  return `'${name.replaceAll("'", "''")}'`;
}

/** Refuses names that could not be told from managed ones or from the host in USER(). */
export function brokerName(user: string): string {
  if (/^[A-Za-z0-9._-]{1,80}$/.test(user) && user !== 'root' && user !== 'postern_owner')
    return user;
  const problem = `"${user}" cannot be the broker account: use letters, digits, dot, dash and underscore.`;
  throw new PosternError('usage', { problem });
}

/**
 * What the broker account holds beyond its three procedures, as GRANT statements; empty when all
 * is well. An account that existed before may have been given anything.
 */
export async function surplusBrokerGrants(
  admin: AdminConnection,
  user: string,
): Promise<readonly string[]> {
  const account = `${quoteIdentifier(brokerName(user))}@'%'`;
  const { rows } = await admin.query(`SHOW GRANTS FOR ${account}`);
  const expected = new Set(
    [...BROKER_PROCEDURES].map((name) => `EXECUTE ON PROCEDURE \`postern\`.\`${name}\``),
  );
  return rows
    .map(([grant]) => grant ?? '')
    .filter((grant) => !grant.startsWith('GRANT USAGE ON *.* TO ') && !/ TO PUBLIC$/.test(grant))
    .filter((grant) => {
      const right = /^GRANT (.*) TO `[^`]*`@`%`$/.exec(grant)?.[1];
      return right === undefined || !expected.has(right);
    });
}
