// SPDX-License-Identifier: Apache-2.0

const INTENT = '"event":"intent","id":"';
const OUTCOME = '"event":"outcome","id":"';
const DECISION = '","decision":"';

/** Where a record of interest is. */
export interface RecordPlace {
  readonly id: string;
  readonly file: string;
  readonly line: number;
}

/** One line within a block; `text` is `bytes` with one character per byte. */
export interface LineView {
  readonly bytes: Buffer;
  readonly text: string;
  readonly start: number;
  readonly end: number;
  /** Where the fields of the event begin. */
  readonly eventStart: number;
  readonly file: string;
  readonly line: number;
}

/** Pairs intents with outcomes; memory grows with the requests under way at one time. */
export class OpenIntents {
  readonly #open = new Map<string, { file: string; line: number }>();

  take(view: LineView): void {
    const { text, eventStart, file, line } = view;
    if (text.startsWith(OUTCOME, eventStart)) {
      this.#open.delete(idAt(view, eventStart + OUTCOME.length));
    } else if (text.startsWith(INTENT, eventStart)) {
      const idStart = eventStart + INTENT.length;
      const id = idAt(view, idStart);
      if (!isDenied(view, idStart + id.length)) this.#open.set(id, { file, line });
    }
  }

  /** Intents that were allowed and have no outcome. */
  places(): readonly RecordPlace[] {
    return [...this.#open].map(([id, place]) => ({ id, ...place }));
  }
}

/** The line as an object; empty when it is not JSON (its hash is judged elsewhere). */
export function parseRecord({ bytes, start, end }: LineView): object {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8', start, end));
    return typeof value === 'object' && value !== null ? value : {};
  } catch {
    return {};
  }
}

/** Ids are plain ASCII; only another producer's would need parsing. */
function idAt(view: LineView, start: number): string {
  const found = view.text.slice(start, view.text.indexOf('"', start));
  if (/^[\w.:-]*$/.test(found)) return found;
  const { id } = parseRecord(view) as { id?: unknown };
  return String(id);
}

function isDenied(view: LineView, idEnd: number): boolean {
  if (view.text.startsWith(`${DECISION}deny"`, idEnd)) return true;
  if (view.text.startsWith(DECISION, idEnd)) return false;
  const { decision } = parseRecord(view) as { decision?: unknown };
  return decision === 'deny';
}
