// SPDX-License-Identifier: Apache-2.0
import { formatWorkloadSpiffeId, parseWorkloadSpiffeId } from '../identity/spiffe-id.ts';
import { canonicalSpki, FIT_KEYS, fitPublicKey } from './key-fitness.ts';

/** The longest life of a workload certificate, whatever the settings say. */
export const MAX_LIFE_MS = 24 * 3_600_000;
export const MIN_LIFE_MS = 5_000;

/** What the signer will sign at all; given to it at its start and never again. */
export interface SigningLimits {
  readonly trustDomain: string;
  readonly lifeMs: number;
  /** `namespace/service-account` of those whose certificates are for servers too. */
  readonly servers: readonly string[];
}

/** What the listening process asks the signer for. */
export interface SigningOrder {
  readonly id: number;
  /** SPKI, DER in base64. */
  readonly publicKey: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly lifeMs: number;
}

/** What becomes of an order: everything a certificate says that the order has a part in. */
export interface CheckedOrder {
  readonly publicKey: Uint8Array;
  readonly spiffeId: string;
  readonly lifeMs: number;
  readonly usages: readonly ('client' | 'server')[];
}

/**
 * Checks an order once more in the process that has the key. What an order cannot say cannot be
 * asked for: another trust domain, another kind of name, an authority, other purposes. Throws an
 * Error with what is wrong.
 */
export function checkOrder(message: unknown, limits: SigningLimits): CheckedOrder {
  const { publicKey, namespace, serviceAccount, lifeMs } = (message ?? {}) as Partial<SigningOrder>;
  const { trustDomain, servers } = limits;
  if (typeof namespace !== 'string' || typeof serviceAccount !== 'string') {
    throw new Error('the order names no workload');
  }
  const spiffeId = formatWorkloadSpiffeId({ trustDomain, namespace, serviceAccount });
  const parsed = parseWorkloadSpiffeId(spiffeId);
  if (parsed?.namespace !== namespace || parsed.serviceAccount !== serviceAccount) {
    throw new Error(`"${namespace}/${serviceAccount}" is not a workload`);
  }
  const longest = Math.min(limits.lifeMs, MAX_LIFE_MS);
  if (typeof lifeMs !== 'number' || !(lifeMs >= MIN_LIFE_MS && lifeMs <= longest)) {
    throw new Error(`a life of ${String(lifeMs)} ms is not between ${MIN_LIFE_MS} and ${longest}`);
  }
  const key =
    typeof publicKey === 'string' ? fitPublicKey(Buffer.from(publicKey, 'base64')) : undefined;
  if (!key) throw new Error(`the key is not ${FIT_KEYS}`);
  const isServer = servers.includes(`${namespace}/${serviceAccount}`);
  return {
    publicKey: canonicalSpki(key),
    spiffeId,
    lifeMs,
    usages: isServer ? ['client', 'server'] : ['client'],
  };
}
