// SPDX-License-Identifier: Apache-2.0
import { type FSWatcher, watch } from 'node:fs';
import { stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { Clock, Timer } from '../model/clock.ts';
import type { Log } from '../model/log.ts';

/** An editor writes a file in several steps; wait until it has been quiet for this long. */
const SETTLE_MS = 150;
/** Notifications get lost (network file systems, remounted volumes): look anyway. */
const POLL_MS = 2_000;

/**
 * Calls `changed` soon after something below the given files and directories changed. Watches
 * directories, never inodes, because editors and Kubernetes replace files. `changed` is not called
 * again while it runs; changes meanwhile lead to one more call.
 */
export class FileWatch {
  readonly #paths: readonly string[];
  readonly #changed: () => Promise<void>;
  readonly #clock: Clock;
  readonly #log: Log;
  #watchers: FSWatcher[] = [];
  #settle: Timer | undefined;
  #poll: Timer | undefined;
  #running = false;
  #again = false;
  #stopped = false;
  readonly #fingerprint: () => Promise<string>;
  #seen = '';

  constructor(
    paths: readonly string[],
    fingerprint: () => Promise<string>,
    changed: () => Promise<void>,
    clock: Clock,
    log: Log,
  ) {
    this.#paths = paths;
    this.#fingerprint = fingerprint;
    this.#changed = changed;
    this.#clock = clock;
    this.#log = log;
  }

  async start(): Promise<void> {
    this.#seen = await this.#fingerprint();
    for (const path of this.#paths) {
      const isDirectory = await stat(path).then(
        (found) => found.isDirectory(),
        () => false,
      );
      const directory = isDirectory ? path : dirname(path);
      try {
        const watcher = watch(directory, { recursive: isDirectory }, () => this.#touched());
        watcher.on('error', (cause) => this.#log.warn('file watch failed; polling', { cause }));
        this.#watchers.push(watcher);
      } catch (cause) {
        this.#log.warn('cannot watch; polling only', { directory, cause });
      }
    }
    this.#schedulePoll();
  }

  stop(): void {
    this.#stopped = true;
    this.#settle?.stop();
    this.#poll?.stop();
    for (const watcher of this.#watchers) watcher.close();
    this.#watchers = [];
  }

  #touched(): void {
    if (this.#stopped) return;
    this.#settle?.stop();
    this.#settle = this.#clock.after(SETTLE_MS, () => void this.#run());
  }

  #schedulePoll(): void {
    if (this.#stopped) return;
    this.#poll = this.#clock.after(POLL_MS, () => {
      void this.#run().finally(() => this.#schedulePoll());
    });
  }

  async #run(): Promise<void> {
    if (this.#running) {
      this.#again = true;
      return;
    }
    this.#running = true;
    try {
      do {
        this.#again = false;
        const now = await this.#fingerprint();
        if (now === this.#seen) continue;
        this.#seen = now;
        await this.#changed();
      } while (this.#again && !this.#stopped);
    } catch (cause) {
      this.#log.error('looking at changed files failed', { cause });
    } finally {
      this.#running = false;
    }
  }
}
