// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';

/**
 * What an OK packet says changed in the session. Unknown kinds are kept with their bytes, for the
 * protocol lets servers add some. https://mariadb.com/kb/en/ok_packet/#session-state-info
 */
export type SessionChange =
  | { readonly type: 'system-variable'; readonly name: string; readonly value: string }
  | { readonly type: 'schema'; readonly name: string }
  | { readonly type: 'state-change'; readonly changed: boolean }
  | { readonly type: 'gtids'; readonly gtids: string }
  | { readonly type: 'transaction-characteristics'; readonly statements: string }
  | { readonly type: 'transaction-state'; readonly state: string }
  | { readonly type: 'unknown'; readonly code: number; readonly data: Buffer };

const SYSTEM_VARIABLES = 0;
const SCHEMA = 1;
const STATE_CHANGE = 2;
const GTIDS = 3;
const TRANSACTION_CHARACTERISTICS = 4;
const TRANSACTION_STATE = 5;

/** Reads the length-encoded block behind the info text. */
export function readSessionTrack(reader: ByteReader): SessionChange[] {
  return decodeSessionTrack(reader.lenencBytes());
}

export function decodeSessionTrack(block: Buffer): SessionChange[] {
  const reader = new ByteReader(block, 'session state');
  const changes: SessionChange[] = [];
  while (reader.remaining > 0) {
    const code = reader.u8();
    const length = reader.lenencInt();
    const start = reader.skip(length);
    const entry = new ByteReader(block, 'session state', start, start + length);
    readEntry(code, entry, changes);
    entry.finish();
  }
  return changes;
}

function readEntry(code: number, entry: ByteReader, changes: SessionChange[]): void {
  switch (code) {
    case SYSTEM_VARIABLES:
      // One pair per entry is what servers send; the documents allow several.
      do {
        const name = entry.lenencText();
        changes.push({ type: 'system-variable', name, value: entry.lenencText() });
      } while (entry.remaining > 0);
      break;
    case SCHEMA:
      changes.push({ type: 'schema', name: entry.lenencText() });
      break;
    case STATE_CHANGE:
      // Alone among them, it has no length of its own inside the entry.
      changes.push({ type: 'state-change', changed: entry.restText() === '1' });
      break;
    case GTIDS:
      entry.skip(1);
      changes.push({ type: 'gtids', gtids: entry.lenencText() });
      break;
    case TRANSACTION_CHARACTERISTICS:
      changes.push({ type: 'transaction-characteristics', statements: entry.lenencText() });
      break;
    case TRANSACTION_STATE:
      changes.push({ type: 'transaction-state', state: entry.lenencText() });
      break;
    default:
      changes.push({ type: 'unknown', code, data: entry.rest() });
  }
}

export function encodeSessionTrack(changes: readonly SessionChange[]): Buffer {
  const writer = new ByteWriter();
  for (const change of changes) {
    const [code, data] = encodeEntry(change);
    writer.u8(code).lenencBytes(data);
  }
  return writer.finish();
}

function encodeEntry(change: SessionChange): [code: number, data: Buffer] {
  const writer = new ByteWriter();
  switch (change.type) {
    case 'system-variable':
      return [SYSTEM_VARIABLES, writer.lenencText(change.name).lenencText(change.value).finish()];
    case 'schema':
      return [SCHEMA, writer.lenencText(change.name).finish()];
    case 'state-change':
      return [STATE_CHANGE, writer.text(change.changed ? '1' : '0').finish()];
    case 'gtids':
      return [GTIDS, writer.u8(0).lenencText(change.gtids).finish()];
    case 'transaction-characteristics':
      return [TRANSACTION_CHARACTERISTICS, writer.lenencText(change.statements).finish()];
    case 'transaction-state':
      return [TRANSACTION_STATE, writer.lenencText(change.state).finish()];
    case 'unknown':
      return [change.code, change.data];
  }
}
