// SPDX-License-Identifier: Apache-2.0
import type { X509Certificate } from 'node:crypto';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type { Principal } from '../model/principal.ts';
import type { Secret } from '../model/secret.ts';
import type { Material, Policy } from '../policy/policy.ts';
import { verifyBearer } from './bearer.ts';
import { type CertificateMethod, verifyClientCertificate } from './client-certificate.ts';
import { type FetchJson, fetchJson, type PostJson, postJson } from './fetch-json.ts';
import { proxiedIdentity } from './proxied-identity.ts';
import { type IdentityResult, quote, refusal } from './result.ts';
import { REVIEW_KEEP_MS } from './token-review.ts';
import { TokenSources } from './token-sources.ts';
import { TrustBundles } from './trust-bundles.ts';
import { parseToken } from './unverified-token.ts';
import { VerifiedCache } from './verified-cache.ts';
import { withdrawal } from './withdrawal.ts';

export type { IdentityResult } from './result.ts';

export interface IdentityResolverOptions {
  readonly policy: Policy;
  readonly clock: Clock;
  readonly log: Log;
  /** Reads what the declaration points to; throws when it cannot. */
  readonly readMaterial: (material: Material) => string;
  readonly fetchJson?: FetchJson;
  readonly postJson?: PostJson;
}

/** Who is calling: turns a proof of identity into a Principal, or says why not. */
export class IdentityResolver {
  readonly #parts: IdentityResolverOptions &
    Required<Pick<IdentityResolverOptions, 'fetchJson' | 'postJson'>>;
  readonly #cache = new VerifiedCache();
  #policy: Policy;
  #sources: TokenSources;
  #bundles: TrustBundles;

  constructor(options: IdentityResolverOptions) {
    this.#parts = { fetchJson, postJson, ...options };
    this.#policy = options.policy;
    this.#sources = TokenSources.of(options.policy, this.#parts);
    this.#bundles = TrustBundles.read(options.policy, this.#parts);
  }

  /** Follows a new declaration; keys and verified tokens of unchanged providers are kept. */
  update(policy: Policy): void {
    this.#policy = policy;
    this.#sources = TokenSources.of(policy, this.#parts, this.#sources);
    this.reloadBundles();
  }

  /**
   * Reads every Cluster's bundle again; a bundle that became unreadable keeps its old roots. True
   * when a root went away, so that `withdrawal` may have other answers.
   */
  reloadBundles(): boolean {
    const before = this.#bundles;
    this.#bundles = TrustBundles.read(this.#policy, this.#parts, before);
    return this.#bundles.hasLessThan(before);
  }

  /**
   * Why the proof of a principal would not be believed any more as the declaration and the bundles
   * are now; undefined when nothing that it rested on was taken away.
   */
  withdrawal(principal: Principal): string | undefined {
    return withdrawal(principal, { bundles: this.#bundles, sources: this.#sources });
  }

  /** Roots of all Clusters (PEM), for the handshake of a listener that asks for certificates. */
  get rootsPem(): readonly string[] {
    return this.#bundles.rootsPem;
  }

  /** Verifies a JWT of any declared IdentityProvider or Cluster. Does not reject. */
  async verifyToken(token: Secret): Promise<IdentityResult> {
    const text = token.reveal();
    const parsed = parseToken(text);
    if (!parsed.ok) return parsed;
    const found = this.#sources.find(parsed.token.issuer);
    if (!found.ok) return found;
    const { source } = found;
    const nowMs = this.#parts.clock.now();
    const principal = this.#cache.get(text, source, nowMs);
    if (principal) return { ok: true, principal };
    const result = await verifyBearer(text, parsed.token, source, this.#parts.clock);
    const keepMs = source.review && REVIEW_KEEP_MS;
    if (result.ok) this.#cache.put(text, source, result.principal, nowMs, keepMs);
    return result;
  }

  /** The workload that a trusted proxy of this Cluster's mesh names. */
  verifyProxied(ids: readonly Buffer[], clusterName: string): IdentityResult {
    const cluster = this.#policy.clusters.get(clusterName);
    if (cluster) return proxiedIdentity(ids, cluster, this.#parts.clock.now());
    return refusal('proxy-identity', `there is no Cluster ${quote(clusterName)} to vouch for it`);
  }

  /**
   * Identity of a TLS peer from what it presented, leaf first; the handshake must have verified
   * that the peer holds the leaf's key. An empty chain is anonymous.
   */
  verifyCertificateChain(
    chain: readonly X509Certificate[],
    method: CertificateMethod,
  ): IdentityResult {
    if (chain.length === 0) return refusal('anonymous', 'the peer presented no certificate');
    const nowMs = this.#parts.clock.now();
    const proof = [method, ...chain.map((one) => one.fingerprint256)].join(' ');
    const principal = this.#cache.get(proof, this.#bundles, nowMs);
    if (principal) return { ok: true, principal };
    const result = verifyClientCertificate(chain, this.#bundles, { method, nowMs });
    if (result.ok) this.#cache.put(proof, this.#bundles, result.principal, nowMs);
    return result;
  }
}
