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

  constructor(options: WatchOptions) {
    const { paths, seen, fingerprint, changed, clock, log } = options;
    this.#seen = seen;
    this.#fingerprint = fingerprint;
    this.#changed = changed;
    this.#log = log;
    const directories = paths.map((path) =>
      statSync(path, { throwIfNoEntry: false })?.isDirectory() ? path : dirname(path),
    );
    const how = { pollMs: POLL_MS, recursive: true };
    this.#watch = new DirectoryWatch(directories, () => void this.#look(), clock, log, how);
    void this.#look();
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
        await this.#changed();
        // Not before: what failed (a full disk, say) is tried again at the next look.
        this.#seen = now;
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
  /** The fingerprint of what is in use. */
  readonly seen: string;
  readonly fingerprint: () => Promise<string>;
  readonly changed: () => Promise<unknown>;
  readonly clock: Clock;
  readonly log: Log;
}
