// SPDX-License-Identifier: Apache-2.0

import type { ObservedState } from '../compile/sql/observed.ts';
import { ACCOUNT_LIMITS, SCHEMA_NAMES, SERVER_STATE } from '../compile/sql/observed-query.ts';
import { readObserved } from '../compile/sql/read-observed.ts';
import { PosternError } from '../model/errors.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';

/** No such routine, or none that this account may call. */
const NOT_INSTALLED_ERRNOS = new Set([1044, 1142, 1305, 1370]);

/** No right to read the grant tables. */
const NOT_READABLE_ERRNOS = new Set([1044, 1142, 1143]);

/** A server as it is, with or without a registry. */
export interface ObservedServer {
  readonly state: ObservedState;
  /** Rows of ACCOUNT_LIMITS; absent: the account may not read them. */
  readonly limits?: readonly (readonly (string | null)[])[];
  /** Every schema; absent: the account does not see all of them. */
  readonly schemas?: readonly string[];
}

/**
 * Who holds what on any MariaDB: through Postern's procedure where it is, else from the grant
 * tables. Rejects with `target-unsupported`, `target-error` or as the connection does.
 */
export async function observeServer(
  connection: AdminConnection,
  target: string,
): Promise<ObservedServer> {
  const { serverVersion } = connection;
  if (!/mariadb/i.test(serverVersion)) {
    const problem = `it is not MariaDB but ${serverVersion}`;
    throw new PosternError('target-unsupported', { target, problem });
  }
  const limits = await readable(connection, ACCOUNT_LIMITS);
  const called = await connection.query('CALL postern.observe()').catch(notInstalled);
  const rows = called?.rows ?? (await readable(connection, SERVER_STATE));
  if (!rows) {
    const problem = 'this account may not read who holds what';
    const hint = 'Use an account with SELECT on mysql.*, or the reader that bootstrap made.';
    throw new PosternError('target-unsupported', { target, problem, hint });
  }
  const state = readObserved(rows, target);
  if (!limits) return { state };
  const { rows: names } = await connection.query(SCHEMA_NAMES);
  return { state, limits, schemas: names.flatMap(([name]) => name ?? []).sort() };
}

function notInstalled(error: unknown): undefined {
  if (isErrno(error, NOT_INSTALLED_ERRNOS)) return undefined;
  throw error;
}

async function readable(connection: AdminConnection, sql: string) {
  try {
    return (await connection.query(sql)).rows;
  } catch (error) {
    if (isErrno(error, NOT_READABLE_ERRNOS)) return undefined;
    throw error;
  }
}

function isErrno(error: unknown, known: ReadonlySet<number>): boolean {
  if (!(error instanceof PosternError) || error.code !== 'target-error') return false;
  return known.has(Number(error.facts['errno']));
}

/**
 * Who holds what on the target, through the one procedure that the reader account may call.
 * Rejects with `target-unsupported`, `target-error` or as the connection does.
 */
export async function observe(connection: AdminConnection, target: string): Promise<ObservedState> {
  try {
    const { rows } = await connection.query('CALL postern.observe()');
    return readObserved(rows, target);
  } catch (error) {
    if (!isErrno(error, NOT_INSTALLED_ERRNOS)) throw error;
    const problem = 'its registry is missing, older, or not open to this account';
    const hint = 'Run postern bootstrap with this build.';
    throw new PosternError('target-unsupported', { target, problem, hint }, error);
  }
}
