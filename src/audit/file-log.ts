// SPDX-License-Identifier: Apache-2.0
import type { Clock, Timer } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { CHAIN_START, type ChainPosition, linePrefix, type StreamPosition } from './chain.ts';
import type { Disk } from './disk.ts';
import { LineBatch } from './line-batch.ts';
import { Outage } from './outage.ts';
import type { AuditEvent, AuditLog, NewEvent } from './record.ts';
import { Reserve } from './reserve.ts';
import { Segment } from './segment.ts';
import { serialiseEvent } from './serialise.ts';

/** At most so often records are made durable and a full disk is looked at again. */
const SYNC_INTERVAL_MS = 1_000;

export interface FileLogOptions {
  /** The stream's own directory; must exist and be empty. */
  readonly directory: string;
  readonly stream: string;
  readonly reservePath: string;
  readonly reserveBytes: number;
  /** A segment is closed when the next batch would make it larger, or when it is this old. */
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
  readonly disk: Disk;
  readonly clock: Clock;
  readonly log: Log;
  /** Called after records became durable, at most once per `SYNC_INTERVAL_MS` and at close. */
  readonly durable: (position: StreamPosition) => void;
}

interface Entry {
  readonly fields: string;
  /** Written even while new requests are refused: the access it speaks of has happened. */
  readonly owed: boolean;
  readonly written: ((ok: boolean) => void) | undefined;
}

/**
 * One stream of chained records. All records of one turn of the event loop are written with one
 * `write` (in the check phase, right after the sockets were read), then the callbacks run in order.
 * Written means: in the file, safe from a crash of this process. `fdatasync` follows within a
 * second, on rotation and on close; a power loss may take that second.
 */
export class FileLog implements AuditLog {
  readonly #options: FileLogOptions;
  readonly #prefix: string;
  readonly #reserve: Reserve;
  readonly #lines = new LineBatch();
  #segment: Segment;
  #segmentOpenedAt: number;
  #position: ChainPosition = CHAIN_START;
  #queue: Entry[] = [];
  #flushScheduled = false;
  #syncTimer: Timer | undefined;
  #syncing = false;
  #outage: Outage | undefined;
  #outageTimer: Timer | undefined;
  #closed = false;

  /** Writes the stream's first record; throws what the disk throws. */
  constructor(options: FileLogOptions, started: AuditEvent) {
    this.#options = options;
    this.#prefix = linePrefix(options.stream);
    this.#reserve = new Reserve(options.disk, options.reservePath, options.reserveBytes);
    this.#reserve.fill();
    this.#segment = new Segment(options.disk, options.directory, 1);
    this.#segmentOpenedAt = options.clock.monotonic();
    this.#write([entryOf(started)]);
  }

  append(event: NewEvent, written?: (ok: boolean) => void): void {
    this.#queue.push(entryOf(event, written));
    if (this.#flushScheduled) return;
    this.#flushScheduled = true;
    setImmediate(this.#flush);
  }

  get accepting(): boolean {
    return this.#outage === undefined && !this.#closed;
  }

  /** What is wrong, while something is. */
  get outage(): Outage | undefined {
    return this.#outage;
  }

  get position(): StreamPosition {
    const { name, size } = this.#segment;
    return { stream: this.#options.stream, ...this.#position, segment: name, bytes: size };
  }

  /** Writes what is queued and makes it durable. Never rejects; a failure is logged. */
  async close(): Promise<void> {
    if (this.#closed) return;
    if (this.#outage) this.append(this.#outage.event());
    this.#flush();
    this.#closed = true;
    this.#syncTimer?.stop();
    this.#outageTimer?.stop();
    try {
      this.#segment.finish();
      this.#options.durable(this.position);
    } catch (cause) {
      this.#options.log.error('audit: the last records may not be durable', {
        problem: problemText(cause),
      });
    }
  }

  readonly #flush = (): void => {
    this.#flushScheduled = false;
    const batch = this.#queue;
    if (batch.length === 0) return;
    this.#queue = [];
    const kept = this.#closed ? 'none' : this.#writeOrRefuse(batch);
    for (const entry of batch) {
      try {
        entry.written?.(kept === 'all' || (kept === 'owed' && entry.owed));
      } catch (cause) {
        // One session's fault must not keep the others of this tick from going on.
        this.#options.log.error('audit: a callback failed', { problem: problemText(cause), cause });
      }
    }
  };

  /** Which entries are in the file now. */
  #writeOrRefuse(batch: readonly Entry[]): 'all' | 'owed' | 'none' {
    if (!this.#outage && this.#tryWrite(batch)) return 'all';
    const owed = batch.filter((entry) => entry.owed);
    const kept = owed.length === 0 || this.#tryWrite(owed);
    this.#outage?.count(batch.length - owed.length, kept ? 0 : owed.length);
    return kept ? 'owed' : 'none';
  }

  #tryWrite(entries: readonly Entry[]): boolean {
    try {
      this.#write(entries);
      return true;
    } catch (cause) {
      this.#beginOutage(cause);
      return false;
    }
  }

  #write(entries: readonly Entry[]): void {
    const time = new Date(this.#options.clock.now()).toISOString();
    let position = this.#position;
    this.#lines.clear();
    for (const entry of entries) {
      position = this.#lines.add(this.#prefix, position, time, entry.fields);
    }
    const { bytes } = this.#lines;
    this.#rotateWhenDue(bytes.length);
    this.#appendToSegment(bytes);
    this.#position = position;
    this.#syncLater();
  }

  #appendToSegment(bytes: Uint8Array): void {
    try {
      this.#segment.append(bytes);
    } catch (cause) {
      // EFBIG: the process may not make *this* file larger (RLIMIT_FSIZE); the next one it may.
      if (codeOf(cause) !== 'EFBIG' || this.#segment.size === 0) throw cause;
      this.#rotate();
      this.#segment.append(bytes);
    }
  }

  #rotateWhenDue(addedBytes: number): void {
    const { size } = this.#segment;
    const { clock, segmentAgeMs, segmentBytes, log } = this.#options;
    if (size === 0) return;
    const old = clock.monotonic() - this.#segmentOpenedAt >= segmentAgeMs;
    if (!old && size + addedBytes <= segmentBytes) return;
    try {
      this.#rotate();
    } catch (cause) {
      // The old segment still takes records; whether the disk is really full its write will tell.
      log.warn('audit: no new segment', { problem: problemText(cause) });
    }
  }

  #rotate(): void {
    const { disk, directory, clock } = this.#options;
    const next = new Segment(disk, directory, this.#position.seq + 1);
    const previous = this.#segment;
    this.#segment = next;
    this.#segmentOpenedAt = clock.monotonic();
    try {
      previous.finish();
    } catch (cause) {
      this.#beginOutage(cause);
    }
  }

  readonly #sync = (): void => {
    const position = this.position;
    this.#syncTimer = undefined;
    this.#syncing = true;
    this.#segment
      .sync()
      .then(
        () => !this.#closed && this.#options.durable(position),
        // After a failed sync the kernel may have dropped the pages: not to be passed over.
        (cause: unknown) => this.#beginOutage(cause),
      )
      .finally(() => {
        this.#syncing = false;
        if (this.#position.seq > position.seq) this.#syncLater();
      });
  };

  /** One sync at a time: a slow disk must not report an old position after a new one. */
  #syncLater(): void {
    if (this.#syncing || this.#closed) return;
    this.#syncTimer ??= this.#options.clock.after(SYNC_INTERVAL_MS, this.#sync);
  }

  #beginOutage(cause: unknown): void {
    if (this.#outage || this.#closed) return;
    const { clock, log } = this.#options;
    this.#outage = new Outage(problemText(cause), codeOf(cause), clock);
    log.error('audit: not writable, new requests are denied', { problem: this.#outage.problem });
    try {
      if (this.#outage.full) this.#reserve.release();
    } catch (failure) {
      log.error('audit: the reserve cannot be released', { problem: problemText(failure) });
    }
    this.#outageTimer = clock.after(SYNC_INTERVAL_MS, this.#recover);
  }

  readonly #recover = (): void => {
    const { clock, log } = this.#options;
    const outage = this.#outage;
    if (!outage || this.#closed) return;
    try {
      if (outage.full && !this.#reserve.fits()) throw new Error('the disk is still full');
      this.#reserve.fill();
      // A file that failed to write or sync is not trusted with more.
      if (!outage.full && this.#segment.size > 0) this.#rotate();
      this.#write([entryOf(outage.event())]);
      this.#segment.syncNow();
      this.#outage = undefined;
      log.info('audit: writable again', { refused: outage.refused, lost: outage.lost });
    } catch (cause) {
      log.debug('audit: still not writable', { problem: problemText(cause) });
      this.#outageTimer = clock.after(SYNC_INTERVAL_MS, this.#recover);
    }
  };
}

function entryOf(event: NewEvent, written?: (ok: boolean) => void): Entry {
  const owed =
    event.event === 'outcome' || event.event === 'session-closed' || event.event === 'gateway';
  return { fields: serialiseEvent(event), owed, written };
}

function codeOf(cause: unknown): string | undefined {
  return cause instanceof Error ? (cause as NodeJS.ErrnoException).code : undefined;
}
