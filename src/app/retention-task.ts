// SPDX-License-Identifier: Apache-2.0
import type { FileAudit } from '../audit/file-audit.ts';
import type { RetentionRules } from '../audit/retirement.ts';
import type { Clock, Timer } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';

/** Not at once: a start has other things to do, and a crash loop must not read segments. */
const FIRST_RUN_MS = 10 * 60_000;
const INTERVAL_MS = 86_400_000;

export interface RetentionTaskOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: FileAudit;
  /** Of the declaration in force now. */
  readonly rules: () => RetentionRules;
}

/** Once a day what is kept no longer is removed from the audit, and that is recorded. */
export class RetentionTask {
  readonly #options: RetentionTaskOptions;
  #timer: Timer;

  constructor(options: RetentionTaskOptions) {
    this.#options = options;
    this.#timer = options.clock.after(FIRST_RUN_MS, () => this.#run());
  }

  stop(): void {
    this.#timer.stop();
  }

  #run(): void {
    const { clock, log, audit, rules } = this.#options;
    this.#timer = clock.after(INTERVAL_MS, () => this.#run());
    audit.retire(rules()).then(
      ({ segments, bytes, heads, policies, problems }) => {
        for (const problem of problems) log.warn('audit: not removed', { problem });
        if (segments.length + heads.length + policies.length === 0) return;
        const others = `${heads.length} files of heads, ${policies.length} policy revisions`;
        const removed = `${segments.length} segments, ${others}`;
        const detail = `${removed}, ${bytes} bytes: their retention is over`;
        audit.append({ event: 'gateway', what: 'retention', detail });
        log.info('audit: removed what is kept no longer', { segments, policies, bytes });
      },
      (cause: unknown) => log.error('audit: retention', { problem: problemText(cause) }),
    );
  }
}
