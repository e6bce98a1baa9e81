// SPDX-License-Identifier: Apache-2.0
import { systemClock } from '../../model/clock.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import {
  CLIENT_DEPRECATE_EOF,
  CLIENT_MULTI_RESULTS,
  CLIENT_TRANSACTIONS,
} from '../../wire/mysql/capabilities.ts';
import { encodeComQuery } from '../../wire/mysql/com-query.ts';
import { encodeCommandOnly } from '../../wire/mysql/command-only.ts';
import type { Handshake } from '../../wire/mysql/handshake.ts';
import { plainServerVersion } from '../../wire/mysql/handshake.ts';
import type { AdminConnection, QueryResult } from './connection.ts';
import { type LoggedIn, type MysqlLogin, openSession } from './login.ts';
import { readResult } from './result.ts';

/** What differs from a relayed login is fixed: our own charset and the flags we can read. */
export type AdminLogin = Omit<MysqlLogin, 'capabilities' | 'charset' | 'attributes'> & {
  readonly attributes?: Readonly<Record<string, string>>;
  /** For one statement; the login's deadline when absent. */
  readonly queryDeadlineMs?: number;
};

/** No CLIENT_MULTI_STATEMENTS and no CLIENT_LOCAL_FILES: neither is ever needed here. */
const ADMIN_CAPABILITIES = CLIENT_TRANSACTIONS | CLIENT_MULTI_RESULTS | CLIENT_DEPRECATE_EOF;
const UTF8MB4_GENERAL_CI = 45;

/** The greeting as it came: what the gateway mirrors downstream. */
export interface GreetedConnection extends AdminConnection {
  readonly greeting: Handshake;
}

/** Connects for administrative statements. Rejects as `loginMysql` does. */
export async function openAdminConnection(login: AdminLogin): Promise<GreetedConnection> {
  const session = await openSession(asMysqlLogin(login));
  return new Connection(session, login);
}

/**
 * The target's greeting, read through a complete login: a connection that stops after the greeting
 * counts as an error of our host, and after max_connect_errors the host is blocked.
 */
export async function probeGreeting(login: AdminLogin): Promise<Handshake> {
  const { stream, facts } = await openSession(asMysqlLogin(login));
  stream.end(encodeCommandOnly('COM_QUIT'));
  return facts.greeting;
}

function asMysqlLogin(login: AdminLogin): MysqlLogin {
  return {
    ...login,
    attributes: login.attributes ?? { program_name: 'postern' },
    capabilities: ADMIN_CAPABILITIES,
    charset: UTF8MB4_GENERAL_CI,
  };
}

class Connection implements GreetedConnection {
  readonly greeting: Handshake;
  readonly serverVersion: string;
  readonly connectionId: number;
  readonly #session: LoggedIn;
  readonly #targetName: string;
  readonly #deadlineMs: number;
  /** Settles, never rejects, when the statement before is done. */
  #previous: Promise<unknown> = Promise.resolve();
  #closing = false;

  constructor(session: LoggedIn, login: AdminLogin) {
    this.#session = session;
    this.greeting = session.facts.greeting;
    this.#targetName = login.targetName;
    this.#deadlineMs = login.queryDeadlineMs ?? login.deadlineMs;
    this.serverVersion = plainServerVersion(session.facts.greeting.serverVersion);
    this.connectionId = session.facts.greeting.connectionId;
  }

  get closed(): boolean {
    return this.#closing || this.#session.stream.closed;
  }

  query(sql: string): Promise<QueryResult> {
    if (this.closed) return Promise.reject(this.#peerClosed());
    const result = this.#previous.then(() => this.#run(sql));
    this.#previous = result.catch(() => undefined);
    return result;
  }

  async #run(sql: string): Promise<QueryResult> {
    const { stream, facts } = this.#session;
    if (stream.closed) throw this.#peerClosed();
    const limit = systemClock.after(this.#deadlineMs, () => {
      const action = `A statement on target ${this.#targetName}`;
      stream.abort(new PosternError('timeout', { action, limitMs: this.#deadlineMs }));
    });
    try {
      const query = { statement: Buffer.from(sql, 'utf8'), attributes: [] };
      stream.command(encodeComQuery(query, facts.capabilities));
      return await readResult(stream, facts.capabilities, this.#targetName);
    } catch (error) {
      // After an ERR the connection goes on; after anything else its state is unknown.
      if (error instanceof PosternError && error.code === 'target-error') throw error;
      stream.abort(error);
      throw error instanceof PosternError ? error : this.#peerClosed(error);
    } finally {
      limit.stop();
    }
  }

  /** Lets the statements already asked for finish. Never rejects. */
  async close(): Promise<void> {
    const last = this.#previous;
    this.#closing = true;
    await last;
    if (!this.#session.stream.closed) this.#session.stream.end(encodeCommandOnly('COM_QUIT'));
  }

  #peerClosed(cause?: unknown): PosternError {
    const peer = `target ${this.#targetName}`;
    const state = cause === undefined ? 'idle' : `a statement ran (${problemText(cause)})`;
    return new PosternError('peer-closed', { peer, state }, cause);
  }
}
