// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { AuditLog, CertificateEvent } from '../audit/record.ts';
import type { RefusalLog } from '../audit/refusal-log.ts';
import type { IdentityResult } from '../identity/result.ts';
import type { Clock } from '../model/clock.ts';
import { parseDuration } from '../model/duration.ts';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Principal } from '../model/principal.ts';
import { Secret } from '../model/secret.ts';
import type { Policy } from '../policy/policy.ts';
import { readCertificateRequest } from './certificate-request.ts';
import type { SignedCertificate } from './certificate-signer.ts';
import { entitlement } from './entitlement.ts';
import type { IssueRate } from './issue-rate.ts';
import { MIN_LIFE_MS, type SigningOrder } from './signing-order.ts';

export interface IssuanceParts {
  readonly audit: AuditLog;
  readonly refusals: Pick<RefusalLog, 'refused'>;
  readonly clock: Clock;
  readonly log: Log;
  readonly rate: IssueRate;
  /** Name of the Cluster whose certificates these are. */
  readonly cluster: string;
  /** The longest life, and what is given to who asks for none. */
  readonly lifeMs: number;
  policy(): Policy;
  newId(): string;
  verifyToken(token: Secret): Promise<IdentityResult>;
  sign(order: Omit<SigningOrder, 'id'>): Promise<SignedCertificate>;
}

/** One call, as it came. */
export interface Asking {
  readonly authorization: string | undefined;
  readonly source: string;
  /** PKCS #10, PEM. */
  readonly request: string;
  /** `1h`; absent: as long as possible. */
  readonly life?: string;
}

export type Issued =
  | { readonly ok: true; readonly certificate: SignedCertificate }
  | {
      readonly ok: false;
      readonly status: 400 | 401 | 403 | 429 | 503;
      readonly reason: string;
      /** What the caller may know. */
      readonly detail: string;
      readonly decision: string;
    };

/** A call of somebody known. */
interface Call {
  readonly principal: Principal;
  readonly asking: Asking;
  readonly policy: Policy;
}

type Refusal = Issued & { readonly ok: false };

/**
 * Issues certificates: who, then whether and as what, then how often, then the request, then the
 * signature; and no certificate leaves before its record is written.
 */
export class Issuance {
  readonly #parts: IssuanceParts;

  constructor(parts: IssuanceParts) {
    this.#parts = parts;
  }

  async issue(asking: Asking): Promise<Issued> {
    const token = /^Bearer ([A-Za-z0-9._~+/=-]+)$/i.exec(asking.authorization ?? '')?.[1];
    const identity = token
      ? await this.#parts.verifyToken(new Secret(token))
      : ({ ok: false, reason: 'anonymous', detail: 'no bearer token was sent' } as const);
    if (!identity.ok) return this.#refuseStranger(asking, identity);
    const { principal } = identity;
    if (!this.#parts.rate.take(principal.id)) return this.#refuseOften(asking, principal);
    // One declaration for the whole call: the record names the one that decided.
    return this.#issueTo({ principal, asking, policy: this.#parts.policy() });
  }

  async #issueTo(call: Call): Promise<Issued> {
    const { principal, asking, policy } = call;
    const cluster = policy.clusters.get(this.#parts.cluster);
    if (!cluster) {
      const detail = `there is no Cluster ${this.#parts.cluster}`;
      return this.#refuse(call, 403, { reason: 'not-declared', detail });
    }
    const entitled = entitlement(principal, cluster);
    if (!entitled.ok) return this.#refuse(call, 403, entitled);
    const lifeMs = asking.life === undefined ? this.#parts.lifeMs : parseDuration(asking.life);
    if (lifeMs === undefined || lifeMs < MIN_LIFE_MS || lifeMs > this.#parts.lifeMs) {
      const detail = `a life is between 5s and ${this.#parts.lifeMs / 1_000}s, such as 1h`;
      return this.#refuse(call, 400, { reason: 'request-malformed', detail });
    }
    const read = readCertificateRequest(asking.request);
    if (!read.ok) return this.#refuse(call, 400, read);
    const { namespace, serviceAccount } = entitled;
    const publicKey = Buffer.from(read.publicKey).toString('base64');
    try {
      const order = { publicKey, namespace, serviceAccount, lifeMs };
      const certificate = await this.#parts.sign(order);
      return await this.#hand(call, certificate, read.publicKey);
    } catch (thrown) {
      this.#parts.log.error('a certificate was not signed', { problem: problemText(thrown) });
      const refused = { reason: 'signer-unavailable', detail: problemText(thrown) };
      return this.#refuse(call, 503, refused, 'nothing can be signed now; try again');
    }
  }

  async #hand(call: Call, certificate: SignedCertificate, publicKey: Uint8Array): Promise<Issued> {
    const { spiffeId, serial, notAfter } = certificate;
    const id = this.#parts.newId();
    const written = await this.#record({
      ...this.#who(id, call),
      decision: 'allow',
      detail: '',
      spiffeId,
      serial,
      notAfter: timeText(notAfter),
      publicKeyHash: createHash('sha256').update(publicKey).digest('hex'),
    });
    if (written) return { ok: true, certificate };
    const detail = 'the audit cannot be written; try again later';
    return { ok: false, status: 503, reason: 'audit-unavailable', detail, decision: id };
  }

  /** They hear nothing but an id; the audit has the rest. */
  #refuseStranger(asking: Asking, identity: IdentityResult & { readonly ok: false }): Refusal {
    const { reason, detail } = identity;
    const { source } = asking;
    const { revision } = this.#parts.policy();
    const decision = this.#parts.refusals.refused({ source, reason, detail, rules: [], revision });
    return { ok: false, status: 401, reason: 'access-denied', detail: 'access denied', decision };
  }

  #refuseOften({ source }: Asking, { id }: Principal): Refusal {
    const { revision } = this.#parts.policy();
    const detail = `${id} asks for too many certificates`;
    const facts = { source, reason: 'limit-rate', detail, rules: [], revision } as const;
    const decision = this.#parts.refusals.refused(facts);
    return { ok: false, status: 429, reason: 'limit-rate', detail, decision };
  }

  async #refuse(
    call: Call,
    status: 400 | 403 | 503,
    { reason, detail }: { readonly reason: string; readonly detail: string },
    told = detail,
  ): Promise<Refusal> {
    const id = this.#parts.newId();
    const who = this.#who(id, call);
    await this.#record({ ...who, decision: 'deny', reason, detail });
    return { ok: false, status, reason, detail: told, decision: id };
  }

  #who(id: string, { principal, asking: { source }, policy: { clusters, revision } }: Call) {
    const cluster = clusters.get(this.#parts.cluster);
    const { method, verifiedBy, expiresAt } = principal;
    return {
      event: 'certificate',
      id,
      principal: principal.id,
      method,
      verifiedBy,
      proofUntil: timeText(expiresAt),
      source,
      rules: cluster ? [cluster.rule] : [],
      revision,
    } as const;
  }

  #record(event: CertificateEvent): Promise<boolean> {
    return new Promise((resolve) => this.#parts.audit.append(event, resolve));
  }
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
