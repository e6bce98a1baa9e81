// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { Clock, Timer } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { Secret } from '../model/secret.ts';
import { DirectoryWatch } from './directory-watch.ts';

/** How soon a pair that does not match is read again, and when that becomes an error. */
const RETRY_MS = 250;
const RETRY_FOR_MS = 10_000;

export interface CertificatePaths {
  /** The leaf, then its intermediates (PEM). */
  readonly certificate: string;
  readonly key: string;
}

/** A certificate chain and the key that belongs to its first certificate. */
export interface CertificatePair {
  readonly chainPem: string;
  readonly keyPem: Secret;
  readonly leaf: X509Certificate;
}

/**
 * A key and a chain that somebody else renews, such as Istio's agent (`key.pem`,
 * `cert-chain.pem`). The two files are never replaced together, so a new pair is taken only when
 * the key belongs to the leaf; until then the old one stays in use.
 */
export class CertificateFiles {
  readonly #paths: CertificatePaths;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #changed: () => void;
  readonly #watch: DirectoryWatch;
  #current: CertificatePair;
  #retry: Timer | undefined;
  #unfitSince: number | undefined;
  #reported = '';

  private constructor(first: CertificatePair, paths: CertificatePaths, options: OpenOptions) {
    this.#current = first;
    this.#paths = paths;
    this.#clock = options.clock;
    this.#log = options.log;
    this.#changed = options.changed ?? (() => undefined);
    const directories = [paths.certificate, paths.key].map((file) => dirname(file));
    this.#watch = new DirectoryWatch(directories, () => this.#look(), options.clock, options.log);
  }

  /**
   * Waits for a usable pair for at most ten seconds, because the writer may be between the two
   * files; then rejects with `file-unreadable`.
   */
  static async open(paths: CertificatePaths, options: OpenOptions): Promise<CertificateFiles> {
    const { clock } = options;
    const until = clock.monotonic() + RETRY_FOR_MS;
    for (;;) {
      const found = readCertificatePair(paths);
      if (found.ok) return new CertificateFiles(found.pair, paths, options);
      if (found.permanent || clock.monotonic() >= until) {
        throw new PosternError('file-unreadable', { file: found.file, problem: found.problem });
      }
      // Not a timer of the clock: those let a process end that has nothing else to do yet.
      await pause(RETRY_MS);
    }
  }

  get current(): CertificatePair {
    return this.#current;
  }

  close(): void {
    this.#retry?.stop();
    this.#watch.close();
  }

  #look(): void {
    this.#retry?.stop();
    const found = readCertificatePair(this.#paths);
    if (!found.ok) return this.#keepOld(found);
    this.#unfitSince = undefined;
    this.#reported = '';
    if (found.pair.leaf.fingerprint256 === this.#current.leaf.fingerprint256) return;
    this.#current = found.pair;
    const { subjectAltName, validTo } = found.pair.leaf;
    this.#log.info('a new certificate is in use', {
      file: this.#paths.certificate,
      names: subjectAltName,
      validTo,
    });
    this.#changed();
  }

  #keepOld(found: Unfit): void {
    const now = this.#clock.monotonic();
    this.#unfitSince ??= now;
    if (now - this.#unfitSince < RETRY_FOR_MS) {
      this.#retry = this.#clock.after(RETRY_MS, () => this.#look());
      return;
    }
    if (this.#reported === found.problem) return;
    this.#reported = found.problem;
    this.#log.error('a new certificate cannot be used; the old one stays', {
      file: found.file,
      problem: found.problem,
      oldValidTo: this.#current.leaf.validTo,
    });
  }
}

interface OpenOptions {
  readonly clock: Clock;
  readonly log: Log;
  /** Called after another pair came into use. */
  readonly changed?: () => void;
}

interface Unfit {
  readonly ok: false;
  readonly file: string;
  readonly problem: string;
  /** Waiting will not help: there is no such file. */
  readonly permanent: boolean;
}

/** Reads both files once and checks that they belong together; never throws. */
export function readCertificatePair(
  paths: CertificatePaths,
): { ok: true; pair: CertificatePair } | Unfit {
  let file = paths.certificate;
  try {
    const chainPem = readFileSync(paths.certificate, 'utf8');
    const leaf = new X509Certificate(chainPem);
    file = paths.key;
    const keyPem = readFileSync(paths.key, 'utf8');
    const belongs = leaf.checkPrivateKey(createPrivateKey(keyPem));
    if (belongs) return { ok: true, pair: { chainPem, keyPem: new Secret(keyPem), leaf } };
    const problem = `the key does not belong to the certificate in ${paths.certificate}`;
    return { ok: false, file, problem, permanent: false };
  } catch (thrown) {
    const permanent = (thrown as NodeJS.ErrnoException).code === 'ENOENT';
    return { ok: false, file, problem: problemText(thrown), permanent };
  }
}
