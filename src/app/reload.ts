// SPDX-License-Identifier: Apache-2.0
import { statSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import { DirectoryWatch } from '../net/directory-watch.ts';

/** A missed notification must not cost more than this: revocation is due within five seconds. */
const POLL_MS = 2_000;

/**
 * Calls `changed` after the fingerprint of the watched paths became another one. Never twice at the
 * same time; changes meanwhile lead to one more call.
 */
export class FileWatch {
  readonly #fingerprint: () => Promise<string>;
  readonly #changed: () => Promise<unknown>;
  readonly #log: Log;
  readonly #watch: DirectoryWatch;
  #seen: string;
  #running = false;
  #again = false;

  private constructor(
    seen: string,
    options: WatchOptions,
    watch: (look: () => void) => DirectoryWatch,
  ) {
    this.#seen = seen;
    this.#fingerprint = options.fingerprint;
    this.#changed = options.changed;
    this.#log = options.log;
    this.#watch = watch(() => void this.#look());
  }

  static async start(options: WatchOptions): Promise<FileWatch> {
    const directories = options.paths.map((path) =>
      statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : dirname(path),
    );
    const { clock, log } = options;
    return new FileWatch(
      await options.fingerprint(),
      options,
      (look) =>
        new DirectoryWatch(directories, look, clock, log, { pollMs: POLL_MS, recursive: true }),
    );
  }

  stop(): void {
    this.#watch.close();
  }

  async #look(): Promise<void> {
    this.#again = true;
    if (this.#running) return;
    this.#running = true;
    try {
      while (this.#again) {
        this.#again = false;
        const now = await this.#fingerprint();
        if (now === this.#seen) continue;
        this.#seen = now;
        await this.#changed();
      }
    } catch (cause) {
      this.#log.error('looking at changed files failed', { cause });
    } finally {
      this.#running = false;
    }
  }
}

export interface WatchOptions {
  /** Files and directories. */
  readonly paths: readonly string[];
  readonly fingerprint: () => Promise<string>;
  readonly changed: () => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
}
