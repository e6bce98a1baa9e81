// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import {
  closeSync,
  fsyncSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { PosternError, problemText } from '../model/errors.ts';
import type { Secret } from '../model/secret.ts';
import { type CertificatePair, readCertificatePair } from '../net/certificate-files.ts';

const CURRENT = '..data';
/** Names of versions: two dots, so that nobody takes them for files of his own. */
const VERSION = /^\.\.\d{8}T\d{9}Z-[0-9a-f]{8}$/;
/** `identity.pem` is chain and key in one, for programs that want it so and read it at once. */
const FILES = ['certificate.pem', 'key.pem', 'identity.pem', 'bundle.pem'] as const;

/** Who reads is not held up for ever by somebody who never stops replacing. */
const MOST_SWAPS = 100;

/** What a workload needs to show and to check. */
export interface Credentials {
  /** Leaf and intermediates (PEM). */
  readonly chainPem: string;
  readonly keyPem: Secret;
  /** Roots (PEM). */
  readonly bundlePem: string;
}

/**
 * Certificate, key and roots as files of one directory, replaced together as Kubernetes does it:
 * each name is a link through `..data`, a link to the directory of one version, and renaming that
 * one link swaps all of them at once. A full disk or a crash leaves what was there.
 */
export class CertificateStore {
  readonly directory: string;

  constructor(directory: string) {
    this.directory = directory;
  }

  path(name: (typeof FILES)[number]): string {
    return join(this.directory, name);
  }

  /**
   * What is there and fits together; undefined when there is nothing of that kind. Which version it
   * is is asked once, so a swap never shows halves of two; one that is two swaps old may be gone.
   */
  current(): CertificatePair | undefined {
    let version = this.#currentVersion();
    for (let swaps = 0; version !== undefined && swaps < MOST_SWAPS; swaps += 1) {
      const place = join(this.directory, version);
      const at = (name: string) => join(place, name);
      const found = readCertificatePair({
        certificate: at('certificate.pem'),
        key: at('key.pem'),
      });
      if (found.ok) return found.pair;
      const now = this.#currentVersion();
      // The same version still: it is what is wrong, not when it was read.
      if (now === version) return undefined;
      version = now;
    }
    return undefined;
  }

  /** The roots as last saved; empty when there are none. */
  bundle(): string {
    try {
      return readFileSync(this.path('bundle.pem'), 'utf8');
    } catch {
      // Nothing saved yet, or not readable: what it would vouch for is not believed then.
      return '';
    }
  }

  /** Throws `file-unwritable`; then everything is as before. */
  save({ chainPem, keyPem, bundlePem }: Credentials, nowMs: number): void {
    const stamp = new Date(nowMs).toISOString().replace(/[-:.]/g, '');
    const version = `..${stamp}-${randomBytes(4).toString('hex')}`;
    const place = join(this.directory, version);
    const key = keyPem.reveal();
    const texts: Readonly<Record<(typeof FILES)[number], string>> = {
      'certificate.pem': chainPem,
      'key.pem': key,
      'identity.pem': chainPem + key,
      'bundle.pem': bundlePem,
    };
    try {
      mkdirSync(this.directory, { recursive: true, mode: 0o700 });
      this.#refuseForeignFiles();
      mkdirSync(place, { mode: 0o700 });
      for (const [name, text] of Object.entries(texts)) {
        writeDurably(join(place, name), text);
      }
      syncDirectory(place);
      this.#swapTo(version);
    } catch (cause) {
      rmSync(place, { recursive: true, force: true });
      const problem = problemText(cause);
      throw new PosternError('file-unwritable', { file: this.directory, problem }, cause);
    }
    this.#removeOld(version);
  }

  #swapTo(version: string): void {
    const temporary = join(this.directory, `${CURRENT}.${version.slice(-8)}`);
    symlinkSync(version, temporary);
    renameSync(temporary, join(this.directory, CURRENT));
    for (const name of FILES) {
      if (!this.#isOurs(name)) symlinkSync(join(CURRENT, name), this.path(name));
    }
    syncDirectory(this.directory);
  }

  #currentVersion(): string | undefined {
    try {
      return readlinkSync(join(this.directory, CURRENT));
    } catch {
      // No link: nothing was saved yet.
      return undefined;
    }
  }

  #refuseForeignFiles(): void {
    const foreign = FILES.find(
      (name) =>
        lstatSync(this.path(name), { throwIfNoEntry: false }) !== undefined && !this.#isOurs(name),
    );
    if (foreign !== undefined) throw new Error(`${foreign} in it is not of the agent`);
  }

  #isOurs(name: (typeof FILES)[number]): boolean {
    try {
      return readlinkSync(this.path(name)) === join(CURRENT, name);
    } catch {
      // No link: not there, or a file of somebody else.
      return false;
    }
  }

  /** The version before stays: somebody may be between the opening of two of its files. */
  #removeOld(version: string): void {
    const versions = readdirSync(this.directory).filter((name) => VERSION.test(name));
    const before = versions.filter((name) => name !== version).sort();
    for (const name of before.slice(0, -1)) {
      rmSync(join(this.directory, name), { recursive: true, force: true });
    }
  }
}

function writeDurably(path: string, text: string): void {
  const file = openSync(path, 'wx', 0o600);
  try {
    writeSync(file, text);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
