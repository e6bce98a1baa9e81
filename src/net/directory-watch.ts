// SPDX-License-Identifier: Apache-2.0
import { type FSWatcher, watch } from 'node:fs';
import type { Clock, Timer } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';

/** Files that belong together are written one after the other; wait for so much quiet. */
const SETTLE_MS = 100;
/** Notifications get lost (network file systems, replaced directories): look anyway. */
const DEFAULT_POLL_MS = 10_000;

/**
 * Calls `look` soon after something in these directories changed, and every `pollMs`. Directories, never inodes: files are replaced by rename (Istio's agent) or by a swapped
 * symbolic link (Kubernetes volumes). It is for `look` to find out whether anything is different.
 */
export class DirectoryWatch {
  readonly #look: () => void;
  readonly #clock: Clock;
  readonly #pollMs: number;
  readonly #watchers: FSWatcher[] = [];
  #settle: Timer | undefined;
  #poll: Timer | undefined;

  constructor(
    directories: readonly string[],
    look: () => void,
    clock: Clock,
    log: Log,
    options: { readonly pollMs?: number; readonly recursive?: boolean } = {},
  ) {
    const { pollMs = DEFAULT_POLL_MS, recursive = false } = options;
    this.#pollMs = pollMs;
    this.#look = look;
    this.#clock = clock;
    for (const directory of new Set(directories)) {
      const fallBack = (thrown: unknown) => {
        log.warn('cannot watch a directory; polling', { directory, problem: problemText(thrown) });
      };
      try {
        const watcher = watch(directory, { persistent: false, recursive }, () => this.#touched());
        watcher.on('error', fallBack);
        this.#watchers.push(watcher);
      } catch (thrown) {
        fallBack(thrown);
      }
    }
    this.#pollLater();
  }

  close(): void {
    this.#settle?.stop();
    this.#poll?.stop();
    this.#poll = undefined;
    for (const watcher of this.#watchers) watcher.close();
  }

  #touched(): void {
    if (!this.#poll) return;
    this.#settle?.stop();
    this.#settle = this.#clock.after(SETTLE_MS, this.#look);
  }

  #pollLater(): void {
    this.#poll = this.#clock.after(this.#pollMs, () => {
      this.#pollLater();
      this.#look();
    });
  }
}
