// SPDX-License-Identifier: Apache-2.0
import type { AuditLog } from '../audit/record.ts';
import type { Clock } from '../model/clock.ts';
import type { DenialReason } from '../model/decision.ts';
import { PosternError, toPosternError } from '../model/errors.ts';
import type { Secret } from '../model/secret.ts';
import type { CertificateNames } from './distinguished-name.ts';
import type { LeaseEntry } from './lease-table.ts';
import { randomPassword } from './password-hash.ts';
import type { LendCall } from './registry.ts';

export interface LeaseIssuerOptions {
  readonly targetName: string;
  readonly clientCertificate?: CertificateNames;
  readonly clock: Clock;
  readonly audit: AuditLog;
  /** In the form that the target stores. */
  readonly passwordHash: (password: Secret) => Promise<string>;
  /** Resolves with the role to SET. */
  readonly lend: (call: LendCall) => Promise<string>;
}

/** What the procedures signal that a session's denial can name. */
const REASONS: Readonly<Record<string, DenialReason>> = {
  'role-missing': 'lease-role-missing',
  'role-altered': 'lease-exceeds-policy',
};

/** Makes accounts and gives them new passwords. */
export class LeaseIssuer {
  readonly #options: LeaseIssuerOptions;
  #issues = 0;

  constructor(options: LeaseIssuerOptions) {
    this.#options = options;
  }

  /**
   * One at a time per account: everybody who comes meanwhile gets the same outcome. Rejects with
   * `lease-failed` or `audit-unwritable`.
   */
  issue(entry: LeaseEntry): Promise<void> {
    entry.issuing ??= this.#issueNow(entry).finally(() => {
      delete entry.issuing;
    });
    return entry.issuing;
  }

  async #issueNow(entry: LeaseEntry): Promise<void> {
    const { clock, clientCertificate, lend } = this.#options;
    const what = entry.issued ? 'rotating' : 'lending';
    await this.#record(`${what} ${entry.account} to ${entry.principalId}`);
    const password = randomPassword();
    try {
      const role = await lend({
        account: entry.account,
        passwordHash: await this.#options.passwordHash(password),
        roles: entry.roles,
        ...(clientCertificate && { certificate: clientCertificate }),
        ttlSeconds: Math.max(1, Math.ceil(entry.ttlMs / 1_000)),
      });
      this.#issues += 1;
      entry.issued = { password, issue: this.#issues, role, atMs: clock.monotonic() };
    } catch (thrown) {
      // Whether the target took the new password is unknown: the old one must not be used again.
      delete entry.issued;
      throw this.#lendError(toPosternError(thrown));
    }
  }

  #lendError(error: PosternError): PosternError {
    const stated = error.code === 'lease-failed';
    const reason = stated ? REASONS[String(error.facts['reason'])] : undefined;
    const problem = stated ? String(error.facts['problem']) : error.message;
    const facts = { target: this.#options.targetName, problem, ...(reason && { reason }) };
    return new PosternError('lease-failed', facts, error);
  }

  /** A lease is on record before it exists on the target (invariant 1). */
  #record(detail: string): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#options.audit.append({ event: 'gateway', what: 'lease', detail }, (ok) => {
        if (ok) resolve();
        else {
          const facts = { path: 'the audit', problem: 'a lease could not be recorded' };
          reject(new PosternError('audit-unwritable', facts));
        }
      });
    });
  }
}
