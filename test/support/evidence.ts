// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { AuditRecord } from '../../src/audit/chain.ts';
import { readRecords } from '../../src/audit/read.ts';
import { directorySource } from '../../src/audit/source.ts';
import type { Log, LogFields } from '../../src/model/log.ts';
import { until } from './world.ts';

/** Everything that the audit of an installation says, in order. */
export function auditRecords(directory: string): readonly AuditRecord[] {
  const unreadable = (file: string, line: number) => {
    throw new Error(`${file}:${line} is no record`);
  };
  return [...readRecords(directorySource(directory), { unreadable })].map(({ record }) => record);
}

type Matching<One extends AuditRecord, Event> = One extends AuditRecord
  ? Event extends One['event']
    ? One
    : never
  : never;
export type RecordOf<Event extends AuditRecord['event']> = Matching<AuditRecord, Event>;

export function recordsOf<Event extends AuditRecord['event']>(
  directory: string,
  event: Event,
): readonly RecordOf<Event>[] {
  return auditRecords(directory).filter(
    (record): record is RecordOf<Event> => record.event === event,
  );
}

/** Waits for `count` records of a kind that were not there before; records are written in ticks. */
export async function newRecords<Event extends AuditRecord['event']>(
  directory: string,
  event: Event,
  before: number,
  count = 1,
): Promise<readonly RecordOf<Event>[]> {
  let found: readonly RecordOf<Event>[] = [];
  await until(
    () => {
      found = recordsOf(directory, event).slice(before);
      return found.length >= count;
    },
    5_000,
    `${count} more ${event}`,
  );
  return found;
}

/** Every file below a directory as text, by path. */
export function filesBelow(directory: string): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile()) continue;
    const path = join(entry.parentPath, entry.name);
    found.set(path, readFileSync(path, 'latin1'));
  }
  return found;
}

export interface MemoryLog extends Log {
  readonly lines: readonly string[];
}

/** Keeps what would be printed, with causes and stacks as the real log shows them. */
export function memoryLog(): MemoryLog {
  const lines: string[] = [];
  const write =
    (level: string) =>
    (message: string, fields: LogFields = {}) => {
      lines.push(`${level} ${message} ${JSON.stringify(fields, describeErrors)}`);
    };
  return {
    lines,
    debug: write('debug'),
    info: write('info'),
    warn: write('warn'),
    error: write('error'),
  };
}

function describeErrors(_key: string, value: unknown): unknown {
  if (!(value instanceof Error)) return value;
  return { ...value, message: value.message, stack: value.stack, cause: value.cause };
}
