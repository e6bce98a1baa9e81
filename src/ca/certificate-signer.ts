// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { type Authority, openAuthority } from '../identity/authority.ts';
import type { Clock } from '../model/clock.ts';
import type { AuthorityDirectory } from './authority-directory.ts';
import { signing } from './authority-state.ts';
import { checkOrder, type SigningLimits } from './signing-order.ts';

/** A signed workload certificate. */
export interface SignedCertificate {
  /** Leaf and intermediate (PEM). */
  readonly chainPem: string;
  readonly spiffeId: string;
  /** Lower-case hex. */
  readonly serial: string;
  /** ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
}

/**
 * Peers whose clocks are a little behind must accept a fresh certificate; of a short life it is
 * less, so that half of the life is not over at once.
 */
const BACKDATE_MS = 60_000;

interface Opened {
  readonly intermediate: number;
  readonly authority: Authority;
  readonly notAfter: number;
}

/** Signs with the intermediate that the state of the authority names; the root's key is not read. */
export class CertificateSigner {
  readonly #directory: AuthorityDirectory;
  readonly #limits: SigningLimits;
  readonly #clock: Clock;
  #opened: Opened | undefined;

  constructor(directory: AuthorityDirectory, limits: SigningLimits, clock: Clock) {
    this.#directory = directory;
    this.#limits = limits;
    this.#clock = clock;
  }

  /** Rejects with what is wrong with the order or the authority. */
  async sign(order: unknown): Promise<SignedCertificate> {
    const { publicKey, spiffeId, lifeMs, usages } = checkOrder(order, this.#limits);
    const { authority, notAfter } = await this.open();
    const now = this.#clock.now();
    if (notAfter <= now) throw new Error('the intermediate has ended; run postern ca rotate');
    const end = new Date(Math.min(now + lifeMs, notAfter));
    const notBefore = new Date(now - Math.min(BACKDATE_MS, lifeMs / 10));
    const profile = { spiffeId, usages, notBefore, notAfter: end };
    const { chainPem } = await authority.certify(publicKey, profile);
    const leaf = new X509Certificate(chainPem);
    return {
      chainPem,
      spiffeId,
      serial: leaf.serialNumber.toLowerCase(),
      notBefore: Date.parse(leaf.validFrom),
      notAfter: Date.parse(leaf.validTo),
    };
  }

  /** Looks at the state each time: a step of a rollover counts from the next certificate on. */
  async open(): Promise<Opened> {
    const state = this.#directory.state();
    if (state.trustDomain !== this.#limits.trustDomain) {
      throw new Error(`the authority is of the trust domain ${state.trustDomain}`);
    }
    const { intermediate } = signing(state);
    if (this.#opened?.intermediate === intermediate) return this.#opened;
    const paths = this.#directory.intermediate(intermediate);
    const certPem = this.#directory.readCertificate(paths);
    const keyPem = this.#directory.readKey(paths);
    const files = { certPem, keyPem, intermediatesPem: certPem };
    const authority = await openAuthority(files, this.#clock);
    const notAfter = Date.parse(new X509Certificate(certPem).validTo);
    this.#opened = { intermediate, authority, notAfter };
    return this.#opened;
  }
}
