// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { mkdirSync, rmSync } from 'node:fs';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { StreamPosition } from './chain.ts';
import { type Disk, nodeDisk } from './disk.ts';
import { FileLog } from './file-log.ts';
import { ownDirectory } from './owner.ts';
import { type PreviousStream, previousStream } from './previous-stream.ts';
import type { AuditLog } from './record.ts';
import type { RetirementReport } from './retire.ts';
import type { RetentionRules } from './retirement.ts';
import { type SignerHealth, type SignerOptions, SignerSupervisor } from './signer-supervisor.ts';
import { directorySource } from './source.ts';

export interface FileAuditLimits {
  /** Disk space held for outcomes that are owed when the disk is full. */
  readonly reserveBytes: number;
  readonly segmentBytes: number;
  readonly segmentAgeMs: number;
}

export const DEFAULT_AUDIT_LIMITS: FileAuditLimits = {
  reserveBytes: 8 << 20,
  segmentBytes: 256 << 20,
  segmentAgeMs: 86_400_000,
};

export interface FileAuditOptions {
  /** Made if missing (mode 0700). It belongs to one gateway. */
  readonly directory: string;
  /** Name of the installation, as in `postern.yaml`. */
  readonly instance: string;
  /** Which process of the installation; `0` when there is one. */
  readonly worker?: string;
  readonly clock: Clock;
  readonly log: Log;
  /**
   * How heads come to be signed: by a process of this one, or by that of the coordinator, which is
   * told. Without it none are, and `verify` can only check that the chain is whole.
   */
  readonly signer?: SignerOptions | SignerElsewhere;
  readonly limits?: Partial<FileAuditLimits>;
  readonly disk?: Disk;
}

/** A stream is durable up to here: to be named by the next head. */
export interface SignerElsewhere {
  offer(position: StreamPosition): void;
}

export interface FileAuditHealth {
  readonly accepting: boolean;
  /** Why new requests are denied, while they are. */
  readonly problem?: string;
  readonly position: StreamPosition;
  /** Last position known to be on the disk itself. */
  readonly durableSeq: number;
  readonly refused: number;
  readonly lost: number;
  readonly signer?: SignerHealth;
}

export interface FileAudit extends AuditLog {
  readonly directory: string;
  readonly stream: string;
  health(): FileAuditHealth;
  /** Streams of other processes of this gateway, for the heads that are signed here. */
  readonly others: OtherStreams;
  /** Removes what the rules say is over; rejects without a signer, or when it cannot. */
  retire(rules: RetentionRules): Promise<RetirementReport>;
}

/** What the coordinator passes on for its workers. */
export interface OtherStreams {
  offer(position: StreamPosition): void;
  /** Nobody writes to it any more; heads name it no longer. */
  ended(stream: string): void;
}

/**
 * Opens the audit of one process: a new stream that begins with a `gateway started` record. An
 * earlier stream is never appended to. Rejects with `audit-unwritable`, also while another process
 * writes to the directory under the same name.
 */
export async function openFileAudit(options: FileAuditOptions): Promise<FileAudit> {
  const { directory, clock, log } = options;
  const limits = { ...DEFAULT_AUDIT_LIMITS, ...options.limits };
  const worker = `${options.instance}.${options.worker ?? '0'}`;
  const stream = `${worker}.${bootId(clock.now())}`;
  const streamDirectory = `${directory}/${stream}`;
  let durableSeq = 0;
  let fileLog: FileLog;
  makeDirectory(directory);
  const ownership = await ownDirectory(directory, worker);
  const previous = previousStream(directorySource(directory), worker);
  if (previous && !previous.stopped) {
    log.warn('audit: the process before did not stop in order', { ...previous });
  }
  const elsewhere = options.signer && 'offer' in options.signer ? options.signer : undefined;
  let signer: SignerSupervisor | undefined;
  try {
    signer = await startSigner(options);
    mkdirSync(streamDirectory, { mode: 0o700 });
    fileLog = new FileLog(
      {
        directory: streamDirectory,
        stream,
        reservePath: `${directory}/.reserve-${worker}`,
        reserveBytes: limits.reserveBytes,
        segmentBytes: limits.segmentBytes,
        segmentAgeMs: limits.segmentAgeMs,
        disk: options.disk ?? nodeDisk,
        clock,
        log,
        durable(position) {
          durableSeq = position.seq;
          signer?.offer(position);
          elsewhere?.offer(position);
        },
      },
      { event: 'gateway', what: 'started', detail: startedDetail(worker, previous) },
    );
  } catch (cause) {
    await signer?.close();
    rmSync(streamDirectory, { recursive: true, force: true });
    await ownership.release();
    throw unwritable(directory, cause);
  }
  return {
    directory,
    stream,
    get accepting() {
      return fileLog.accepting;
    },
    append: (event, written) => fileLog.append(event, written),
    async close() {
      fileLog.append({ event: 'gateway', what: 'stopped', detail: `process ${process.pid}` });
      await fileLog.close();
      await signer?.close();
      await ownership.release();
    },
    others: {
      offer: (position) => signer?.offer(position),
      ended: (ended) => signer?.forget(ended),
    },
    health: () => healthOf(fileLog, durableSeq, signer),
    async retire(rules) {
      if (!signer) throw new Error('nothing is removed without a signer');
      return signer.retire(rules);
    },
  };
}

function startedDetail(worker: string, previous: PreviousStream | undefined): string {
  const self = `process ${process.pid} of ${worker}`;
  if (!previous) return self;
  return `${self}, after ${previous.stream} which ${previous.stopped ? 'stopped' : 'crashed'}`;
}

function makeDirectory(directory: string): void {
  try {
    mkdirSync(directory, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw unwritable(directory, cause);
  }
}

async function startSigner(options: FileAuditOptions): Promise<SignerSupervisor | undefined> {
  if (!options.signer || 'offer' in options.signer) return undefined;
  const signer = new SignerSupervisor(
    options.directory,
    options.signer,
    options.clock,
    options.log,
  );
  const problem = await signer.start();
  if (problem === undefined) return signer;
  await signer.close();
  throw new PosternError('audit-unwritable', {
    path: options.directory,
    problem: `the signer cannot work: ${problem}`,
  });
}

function unwritable(path: string, cause: unknown): PosternError {
  if (cause instanceof PosternError) return cause;
  return new PosternError('audit-unwritable', { path, problem: problemText(cause) }, cause);
}

function healthOf(
  fileLog: FileLog,
  durableSeq: number,
  signer: SignerSupervisor | undefined,
): FileAuditHealth {
  const { outage } = fileLog;
  return {
    accepting: fileLog.accepting,
    ...(outage && { problem: outage.problem }),
    position: fileLog.position,
    durableSeq,
    refused: outage?.refused ?? 0,
    lost: outage?.lost ?? 0,
    ...(signer && { signer: signer.health() }),
  };
}

/** Sorts by start time; random, because two processes may start in the same millisecond. */
function bootId(now: number): string {
  const time = new Date(now).toISOString().replace(/[-:.]/g, '');
  return `${time}-${randomBytes(4).toString('hex')}`;
}
