// SPDX-License-Identifier: Apache-2.0
import { HEADS_FILE } from './heads.ts';
import { type Line, lines } from './lines.ts';
import type { AuditSource } from './source.ts';

const FULL_FILE = /^heads-(\d{12,})\.jsonl$/;

/** What `heads.jsonl` is called once it is full: after the number of its first head. */
export function fullFileName(firstHead: number): string {
  return `heads-${String(firstHead).padStart(12, '0')}.jsonl`;
}

/** The first head of a full file; undefined for any other name. */
export function firstHeadOf(file: string): number | undefined {
  const found = FULL_FILE.exec(file)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** All files of heads, oldest first. */
export function headFiles(source: AuditSource): readonly string[] {
  const all = source.rootFiles();
  const full = all.filter((file) => FULL_FILE.test(file)).sort();
  return all.includes(HEADS_FILE) ? [...full, HEADS_FILE] : full;
}

export interface HeadLine extends Line {
  readonly file: string;
  /** From the first byte of the first file. */
  readonly place: number;
}

/** Every line of all files of heads, from a place on. */
export function* headLines(source: AuditSource, from = 0): Generator<HeadLine> {
  let base = 0;
  for (const file of headFiles(source)) {
    const size = source.size(file);
    const start = Math.max(0, from - base);
    if (start < size) {
      for (const line of lines(source.chunks(file, start))) {
        yield { ...line, file, place: base + start + line.offset };
      }
    }
    base += size;
  }
}
