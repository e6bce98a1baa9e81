// SPDX-License-Identifier: Apache-2.0

import { type ForeignAccess, readForeignAccess } from '../compile/sql/foreign-access.ts';
import { quoteString } from '../compile/sql/quote.ts';
import { PosternError } from '../model/errors.ts';
import type { AdminConnection } from '../target/mysql/connection.ts';
import type { CertificateNames } from './distinguished-name.ts';

export interface LendCall {
  readonly account: string;
  readonly passwordHash: string;
  /** Base roles, sorted. */
  readonly roles: readonly string[];
  readonly certificate?: CertificateNames;
  readonly ttlSeconds: number;
}

export interface SweepResult {
  /** Of the registry on the target. */
  readonly version: string;
  /** Accounts registered for this instance. */
  readonly accounts: ReadonlySet<string>;
  readonly foreign: readonly ForeignAccess[];
}

/** The three procedures as functions. They reject with `lease-failed` and a `reason`, or as the
 * connection does. */
export class Registry {
  readonly #connection: AdminConnection;
  readonly #instance: string;
  readonly #target: string;

  constructor(connection: AdminConnection, instance: string, target: string) {
    this.#connection = connection;
    this.#instance = quoteString(instance);
    this.#target = target;
  }

  /** Creates the account or gives it a new password; the composite role to SET. */
  async lend(call: LendCall): Promise<string> {
    const text = (value: string | undefined) => (value === undefined ? 'NULL' : quoteString(value));
    const { account, passwordHash, roles, certificate } = call;
    const result = await this.#call('lend', [
      text(account),
      text(passwordHash),
      text(roles.join(',')),
      text(certificate?.issuer),
      text(certificate?.subject),
      String(call.ttlSeconds),
    ]);
    const composite = result.rows[0]?.[0];
    if (composite == null) throw this.#failed('unexpected', 'lend did not name a role');
    return composite;
  }

  async revoke(account: string): Promise<void> {
    await this.#call('revoke', [quoteString(account)]);
  }

  async sweep(deadAfterSeconds: number): Promise<SweepResult> {
    const result = await this.#call('sweep', [String(deadAfterSeconds)]);
    const accounts = result.rows.filter(([kind]) => kind === 'account');
    return {
      version: result.rows.find(([kind]) => kind === 'version')?.[1] ?? '',
      accounts: new Set(accounts.map(([, account]) => account ?? '')),
      foreign: readForeignAccess(result),
    };
  }

  async #call(procedure: string, values: readonly string[]) {
    try {
      const list = [this.#instance, ...values].join(', ');
      return await this.#connection.query(`CALL postern.${procedure}(${list})`);
    } catch (error) {
      throw this.#explain(error);
    }
  }

  /** The procedures signal `postern <code>: <text>`; the rest is the server's own. */
  #explain(error: unknown): unknown {
    if (!(error instanceof PosternError) || error.code !== 'target-error') return error;
    const signalled = /postern ([a-z-]+): (.*)/.exec(String(error.facts['problem']));
    if (signalled) return this.#failed(signalled[1] ?? '', signalled[2] ?? '', error);
    switch (Number(error.facts['errno'])) {
      case 1044:
      case 1142:
      case 1305:
      case 1370:
        return this.#failed('not-installed', 'run postern bootstrap', error);
      case 1290:
        return this.#failed('read-only', 'the target is read-only', error);
      default:
        return error;
    }
  }

  #failed(reason: string, problem: string, cause?: unknown): PosternError {
    return new PosternError('lease-failed', { target: this.#target, reason, problem }, cause);
  }
}
