// SPDX-License-Identifier: Apache-2.0
import { desiredSql, rolesOf } from '../compile/sql/desired.ts';
import {
  exceedingAccess,
  foreignAccessText,
  readForeignAccess,
  revokeStatements,
} from '../compile/sql/foreign-access.ts';
import { planStepText, type SqlFinding } from '../compile/sql/plan-step.ts';
import { quoteString } from '../compile/sql/quote.ts';
import { PosternError } from '../model/errors.ts';
import type { Policy, Target } from '../policy/policy.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import {
  type BrokerAccount,
  installStatements,
  surplusBrokerGrants,
} from './bootstrap-accounts.ts';
import { type RoleChanges, RoleSync } from './bootstrap-roles.ts';
import { FOREIGN_ACCESS } from './foreign-access-query.ts';
import { PROCEDURE_SESSION } from './procedures.ts';

/** CONNECTION ADMIN came with 10.5.2; FOR loops and EXECUTE IMMEDIATE are older. */
const OLDEST_MARIADB = [10, 5, 2] as const;

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
  policy: Policy,
  target: Target,
  broker: BrokerAccount,
): Promise<BootstrapReport> {
  checkServer(admin.serverVersion, target);
  await refuseForeignBroker(admin, target, broker.user);
  await admin.query(PROCEDURE_SESSION);
  for (const statement of installStatements(broker)) await admin.query(statement);
  const desired = desiredSql(policy, target);
  const changes = await new RoleSync(admin, desired, broker.user).run();
  const held = readForeignAccess(await admin.query(FOREIGN_ACCESS));
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

/** The same as a script for the `mariadb` command, for whoever must approve or run it by hand. */
export function bootstrapScript(policy: Policy, target: Target, broker: BrokerAccount): string {
  const desired = desiredSql(policy, target);
  const statements = [PROCEDURE_SESSION, ...installStatements(broker)];
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

function checkServer(serverVersion: string, target: Target): void {
  const fail = (problem: string) =>
    new PosternError('target-unsupported', { target: target.id, problem });
  if (target.system.type !== 'mariadb') throw fail('leases are lent on MariaDB only in this build');
  if (!/mariadb/i.test(serverVersion)) throw fail(`it is not MariaDB but ${serverVersion}`);
  const version = serverVersion.split(/[.-]/).slice(0, 3).map(Number);
  for (const [index, oldest] of OLDEST_MARIADB.entries()) {
    const part = version[index] ?? 0;
    if (part > oldest) return;
    if (part < oldest) throw fail(`${serverVersion} is older than ${OLDEST_MARIADB.join('.')}`);
  }
}
