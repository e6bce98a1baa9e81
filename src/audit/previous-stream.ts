// SPDX-License-Identifier: Apache-2.0
import { segmentsOf } from './read.ts';
import type { AuditSource } from './source.ts';
import { lastOfFile } from './tail.ts';

/** How the process before this one left its stream. */
export interface PreviousStream {
  readonly stream: string;
  /** Its last record says so; else it crashed or was killed. */
  readonly stopped: boolean;
  /** Bytes of a last line that was cut short. */
  readonly tornBytes: number;
}

/** Of the same worker; reads the end of one file. Throws `file-unreadable`. */
export function previousStream(source: AuditSource, worker: string): PreviousStream | undefined {
  const stream = source.streams().findLast((name) => name.startsWith(`${worker}.`));
  const file = stream && segmentsOf(source, stream).at(-1);
  if (!file) return undefined;
  const { found, end } = lastOfFile(source, file, 1);
  const last = found[0]?.record;
  const stopped = last?.event === 'gateway' && last.what === 'stopped';
  return { stream, stopped, tornBytes: source.size(file) - end };
}
