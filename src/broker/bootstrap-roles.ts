// SPDX-License-Identifier: Apache-2.0
import type { DesiredSql, SqlPlanStep } from '../compile/sql/plan-step.ts';
import { quoteIdentifier, quoteString } from '../compile/sql/quote.ts';
import { ROLE_ADMIN } from '../compile/sql/role-name.ts';
import { PosternError } from '../model/errors.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import type { LeaseDialect } from './lease-dialect.ts';

export interface FailedStep {
  readonly step: SqlPlanStep;
  readonly problem: string;
}

export interface RoleChanges {
  readonly added: readonly string[];
  readonly removed: readonly string[];
  /** No longer declared, but lent at this moment; the next run removes them. */
  readonly stillLent: readonly string[];
  /** Something the declaration names does not exist on the target (yet). */
  readonly missing: readonly FailedStep[];
}

/** Unknown schema, table, view column, column or routine: the declaration is ahead of the target. */
const MISSING_OBJECT_ERRNOS = new Set([1049, 1054, 1146, 1305, 1356]);

/**
 * Brings base roles and views to what is declared: first everything new, then what is no longer
 * declared and not lent. A role is offered to `lend` when all of its grants that can be made are.
 */
export class RoleSync {
  readonly #admin: AdminConnection;
  readonly #desired: DesiredSql;
  readonly #broker: string;
  readonly #roleNames: string;

  constructor(
    admin: AdminConnection,
    desired: DesiredSql,
    broker: string,
    { roleNames }: LeaseDialect,
  ) {
    this.#roleNames = roleNames;
    this.#admin = admin;
    this.#desired = desired;
    this.#broker = quoteString(broker);
  }

  async run(): Promise<RoleChanges> {
    await this.#refuseForeignNames();
    const before = await this.#column(
      `SELECT name FROM postern.role WHERE broker = ${this.#broker} AND ready`,
    );
    const missing = await this.#add();
    const names = new Set(this.#desired.roles.map(({ name }) => name));
    const added = [...names].filter((name) => !before.includes(name));
    const { removed, stillLent } = await this.#removeRoles(names);
    await this.#removeViews();
    return { added, removed, stillLent, missing };
  }

  /** A role or view of ours by name, but made by somebody else, may hold anything. */
  async #refuseForeignNames(): Promise<void> {
    const known = new Set(await this.#column('SELECT name FROM postern.role'));
    const existing = new Set(await this.#column(this.#roleNames));
    const clash = this.#desired.roles.find(({ name }) => existing.has(name) && !known.has(name));
    if (clash) throw conflict(`the role ${clash.name} exists and was not made by bootstrap`);
    for (const view of this.#desired.views) {
      const at = `= (${quoteString(view.schema)}, ${quoteString(view.name)})`;
      const tables = await this.#column(
        `SELECT TABLE_TYPE FROM information_schema.TABLES WHERE (TABLE_SCHEMA, TABLE_NAME) ${at}`,
      );
      const ours = await this.#column(
        `SELECT name FROM postern.view WHERE (schema_name, name) ${at} AND broker = ${this.#broker}`,
      );
      if (tables.length > 0 && ours.length === 0) {
        throw conflict(`${view.schema}.${view.name} exists and was not made by bootstrap`);
      }
    }
  }

  async #add(): Promise<readonly FailedStep[]> {
    const missing: FailedStep[] = [];
    for (const { name, dataRole } of this.#desired.roles) {
      const row = `${quoteString(name)}, ${this.#broker}, ${quoteString(dataRole)}, FALSE`;
      await this.#admin.query(
        `INSERT IGNORE INTO postern.role (name, broker, data_role, ready) VALUES (${row})`,
      );
    }
    for (const view of this.#desired.views) await this.#registerView(view);
    for (const step of this.#desired.steps) {
      try {
        if (step.onlyFor && !(await this.#routineExists(step.onlyFor))) continue;
        await this.#admin.query(step.sql);
      } catch (error) {
        if (!isMissingObject(error)) throw error;
        missing.push({ step, problem: String(error.facts['problem']) });
      }
    }
    missing.push(...(await this.#missingRoutines()));
    for (const { name } of this.#desired.roles) {
      const where = `name = ${quoteString(name)} AND broker = ${this.#broker}`;
      await this.#admin.query(`UPDATE postern.role SET ready = TRUE WHERE ${where}`);
    }
    return missing;
  }

  /** The definer a view had before is dropped with the views that are gone. */
  async #registerView(view: DesiredSql['views'][number]): Promise<void> {
    const row = [view.schema, view.name, view.definer].map(quoteString).join(', ');
    await this.#admin.query(
      `INSERT INTO postern.view (schema_name, name, definer, broker) VALUES (${row}, ${this.#broker})
       ON DUPLICATE KEY UPDATE definer = VALUES(definer)`,
    );
  }

  async #routineExists(routine: NonNullable<SqlPlanStep['onlyFor']>): Promise<boolean> {
    const { type, schema, name } = routine;
    const at = [type, schema, name].map(quoteString).join(', ');
    const found = await this.#column(
      `SELECT ROUTINE_NAME FROM information_schema.ROUTINES
       WHERE (ROUTINE_TYPE, ROUTINE_SCHEMA, ROUTINE_NAME) = (${at})`,
    );
    return found.length > 0;
  }

  async #missingRoutines(): Promise<readonly FailedStep[]> {
    const missing: FailedStep[] = [];
    for (const step of this.#desired.steps) {
      if (step.onlyFor?.type !== 'PROCEDURE') continue;
      const { schema, name } = step.onlyFor;
      const either = [step.onlyFor, { ...step.onlyFor, type: 'FUNCTION' as const }];
      const exists = await Promise.all(either.map((routine) => this.#routineExists(routine)));
      if (!exists.includes(true)) {
        missing.push({ step, problem: `there is no routine ${schema}.${name}` });
      }
    }
    return missing;
  }

  async #removeRoles(
    declared: ReadonlySet<string>,
  ): Promise<{ removed: readonly string[]; stillLent: readonly string[] }> {
    const removed: string[] = [];
    const stillLent: string[] = [];
    const mine = `SELECT name FROM postern.role WHERE broker = ${this.#broker}`;
    for (const name of (await this.#column(mine)).sort()) {
      if (declared.has(name)) continue;
      const role = quoteString(name);
      // Not ready first: from here on nothing new is lent with it.
      await this.#admin.query(
        `UPDATE postern.role SET ready = FALSE WHERE name = ${role} AND broker = ${this.#broker}`,
      );
      const composites = `SELECT name FROM postern.composite WHERE FIND_IN_SET(${role}, roles) > 0`;
      const lent = await this.#column(
        `SELECT account FROM postern.lease WHERE composite IN (${composites})`,
      );
      if (lent.length > 0) {
        stillLent.push(name);
        continue;
      }
      for (const composite of await this.#column(composites)) await this.#dropComposite(composite);
      await this.#dropRole(name);
      removed.push(name);
    }
    return { removed, stillLent };
  }

  async #dropComposite(name: string): Promise<void> {
    await this.#admin.query(`DELETE FROM postern.composite WHERE name = ${quoteString(name)}`);
    await this.#admin.query(`DROP ROLE IF EXISTS ${quoteIdentifier(name)}`);
  }

  /** Another Target on the same server may use a role of the same name and content. */
  async #dropRole(name: string): Promise<void> {
    const role = quoteString(name);
    const others = await this.#column(
      `SELECT broker FROM postern.role WHERE name = ${role} AND broker <> ${this.#broker}`,
    );
    if (others.length === 0) {
      await this.#admin.query(`DROP ROLE IF EXISTS ${quoteIdentifier(name)}`);
    }
    await this.#admin.query(
      `DELETE FROM postern.role WHERE name = ${role} AND broker = ${this.#broker}`,
    );
  }

  async #removeViews(): Promise<void> {
    const { rows } = await this.#admin.query(
      `SELECT schema_name, name FROM postern.view WHERE broker = ${this.#broker}`,
    );
    const declared = new Set(this.#desired.views.map(({ schema, name }) => `${schema}.${name}`));
    for (const [schema, name] of rows) {
      if (schema == null || name == null || declared.has(`${schema}.${name}`)) continue;
      const view = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
      await this.#revokeViewText(schema, name);
      await this.#admin.query(`DROP VIEW IF EXISTS ${view}`);
      const at = `(${quoteString(schema)}, ${quoteString(name)})`;
      await this.#admin.query(`DELETE FROM postern.view WHERE (schema_name, name) = ${at}`);
    }
    const orphans = await this.#column(
      `SELECT User FROM mysql.user WHERE Host = 'localhost'
       AND User REGEXP '^postern_view_[0-9a-f]{16}$'
       AND User NOT IN (SELECT CONVERT(definer USING utf8mb4) COLLATE utf8mb4_bin FROM postern.view)`,
    );
    for (const definer of orphans) {
      await this.#admin.query(`DROP USER IF EXISTS ${quoteIdentifier(definer)}@'localhost'`);
    }
  }

  /** A right on a name outlives what had the name. */
  async #revokeViewText(schema: string, name: string): Promise<void> {
    const at = `(${quoteString(schema)}, ${quoteString(name)})`;
    const held = await this.#column(
      `SELECT 1 FROM mysql.tables_priv WHERE User = 'postern_owner' AND (Db, Table_name) = ${at}`,
    );
    if (held.length === 0) return;
    const view = `${quoteIdentifier(schema)}.${quoteIdentifier(name)}`;
    await this.#admin.query(`REVOKE SELECT ON ${view} FROM ${ROLE_ADMIN}`);
  }

  async #column(sql: string): Promise<string[]> {
    const { rows } = await this.#admin.query(sql);
    return rows.map(([value]) => value ?? '');
  }
}

function isMissingObject(error: unknown): error is PosternError {
  return (
    error instanceof PosternError &&
    error.code === 'target-error' &&
    MISSING_OBJECT_ERRNOS.has(Number(error.facts['errno']))
  );
}

function conflict(problem: string): PosternError {
  return new PosternError('target-unsupported', {
    target: 'for bootstrap',
    problem: `${problem}; rename or drop one of the two`,
  });
}
