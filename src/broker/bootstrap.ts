// SPDX-License-Identifier: Apache-2.0
import { desiredSql, rolesOf } from '../compile/sql/desired.ts';
import {
  exceedingAccess,
  foreignAccessText,
  readForeignAccess,
  revokeStatements,
} from '../compile/sql/foreign-access.ts';
import { planStepText, type SqlFinding } from '../compile/sql/plan-step.ts';
import { quoteIdentifier, quoteString } from '../compile/sql/quote.ts';
import { PosternError } from '../model/errors.ts';
import type { Policy, Target } from '../policy/policy.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import {
  type BrokerAccount,
  installStatements,
  surplusBrokerGrants,
} from './bootstrap-accounts.ts';
import { type RoleChanges, RoleSync } from './bootstrap-roles.ts';
import { type Declaration, recordStatement } from './declaration-record.ts';
import { leaseDialect } from './dialect-of.ts';
import type { LeaseDialect } from './lease-dialect.ts';
import { brokerGrants } from './procedures.ts';

export interface BootstrapReport extends RoleChanges {
  readonly serverVersion: string;
  /** Where the database will hold less, or something weaker, than is declared. */
  readonly findings: readonly SqlFinding[];
  /** Rights every lease would hold besides its role; serving is refused until they are gone. */
  readonly excess: readonly { readonly text: string; readonly revoke: readonly string[] }[];
  /** GRANTs of the broker account beyond its three procedures. */
  readonly surplusBrokerGrants: readonly string[];
}

/**
 * Installs or updates everything leases need on one target. Run again at any time: it changes only
 * what differs. The admin connection needs the rights of root. Rejects with `target-unsupported`,
 * `target-error`, or `usage`.
 */
export async function bootstrap(
  admin: AdminConnection,
  declaration: Declaration,
  target: Target,
  broker: BrokerAccount,
): Promise<BootstrapReport> {
  const { policy } = declaration;
  const dialect = leaseDialect(target);
  const problem = await dialect.unfit(admin);
  if (problem !== undefined) {
    throw new PosternError('target-unsupported', { target: target.id, problem });
  }
  await refuseForeignBroker(admin, target, broker.user);
  await admin.query(dialect.session);
  await install(admin, broker, dialect);
  const desired = desiredSql(policy, target);
  const changes = await new RoleSync(admin, desired, broker.user, dialect).run();
  if (changes.missing.length === 0) await admin.query(recordStatement(broker.user, declaration));
  const held = readForeignAccess(await admin.query(dialect.foreignAccess));
  return {
    ...changes,
    serverVersion: admin.serverVersion,
    findings: desired.findings,
    excess: exceedingAccess(held, rolesOf(policy, target)).map((access) => ({
      text: foreignAccessText(access),
      revoke: revokeStatements(access),
    })),
    surplusBrokerGrants: await surplusBrokerGrants(admin, broker.user),
  };
}

async function install(
  admin: AdminConnection,
  broker: BrokerAccount,
  dialect: LeaseDialect,
): Promise<void> {
  const installed = await unchangedProcedures(admin, dialect);
  for (const statement of installStatements(broker, dialect, installed)) {
    await admin.query(statement);
  }
  if (dialect.procedures.every(({ mark, name }) => mark === undefined || installed.has(name)))
    return;
  // DROP PROCEDURE takes the grants on it away, from the brokers of other Targets too.
  const { rows } = await admin.query('SELECT name FROM postern.broker');
  for (const grant of rows.flatMap(([name]) =>
    brokerGrants(`${quoteIdentifier(name ?? '')}@'%'`),
  )) {
    await admin.query(grant);
  }
}

/** Names of those that would only be gone for a moment if they were made again. */
async function unchangedProcedures(
  admin: AdminConnection,
  { procedures }: LeaseDialect,
): Promise<ReadonlySet<string>> {
  if (procedures.every(({ mark }) => mark === undefined)) return new Set();
  const { rows } = await admin.query(
    "SELECT ROUTINE_NAME, ROUTINE_COMMENT, DEFINER FROM information_schema.ROUTINES WHERE ROUTINE_SCHEMA = 'postern'",
  );
  const same = new Set<string>();
  for (const { name, mark, text } of procedures) {
    const marked = rows.some(
      ([found, comment, definer]) =>
        found === name && comment === mark && definer === 'postern_owner@localhost',
    );
    if (!marked) continue;
    // information_schema writes the literals of a body anew; here it is as it was given.
    const shown = await admin.query(`SHOW CREATE PROCEDURE postern.${name}`);
    if (shown.rows[0]?.[2]?.endsWith(text)) same.add(name);
  }
  return same;
}

/** The same as a script for the `mariadb` command, for whoever must approve or run it by hand. */
export function bootstrapScript(policy: Policy, target: Target, broker: BrokerAccount): string {
  const desired = desiredSql(policy, target);
  const dialect = leaseDialect(target);
  const statements = [dialect.session, ...installStatements(broker, dialect)];
  const lines = [
    `-- What postern bootstrap runs on ${target.id}. Roles are entered into postern.role and offered`,
    '-- to leases only by the command itself; this script is for reading and approval.',
    'DELIMITER //',
    ...statements.map((statement) => `${statement} //`),
    'DELIMITER ;',
    ...desired.steps.map(planStepText),
  ];
  return `${lines.join('\n')}\n`;
}

/** Two Targets with one broker account would remove each other's roles. */
async function refuseForeignBroker(
  admin: AdminConnection,
  target: Target,
  user: string,
): Promise<void> {
  const installed = await admin.query(
    "SELECT 1 FROM information_schema.TABLES WHERE (TABLE_SCHEMA, TABLE_NAME) = ('postern', 'broker')",
  );
  if (installed.rows.length === 0) return;
  const where = `name = ${quoteString(user)}`;
  const { rows } = await admin.query(`SELECT target FROM postern.broker WHERE ${where}`);
  const other = rows[0]?.[0];
  if (other == null || other === target.id) return;
  throw new PosternError('target-unsupported', {
    target: target.id,
    problem: `its broker account ${user} lends for ${other} on this server`,
    hint: `Give it a broker.user of its own. If ${other} was renamed to it, run this there first:\n  DELETE FROM postern.broker WHERE ${where};`,
  });
}
