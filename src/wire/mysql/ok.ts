// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type Capabilities, CLIENT_SESSION_TRACK, hasCapability } from './capabilities.ts';
import type { DownstreamPayload } from './payload.ts';
import { encodeSessionTrack, readSessionTrack, type SessionChange } from './session-track.ts';
import { SERVER_SESSION_STATE_CHANGED } from './status.ts';

/**
 * OK: upstream to downstream. With CLIENT_DEPRECATE_EOF it also ends result sets, then with the
 * header 0xfe. https://mariadb.com/kb/en/ok_packet/
 */
export interface Ok {
  readonly header: typeof OK_HEADER | typeof OK_AS_EOF_HEADER;
  readonly affectedRows: number;
  /** 64 bits, all of them in use: AUTO_INCREMENT may be BIGINT UNSIGNED. */
  readonly lastInsertId: bigint;
  readonly status: number;
  readonly warnings: number;
  readonly info: string;
  /** What the session's state became; needs CLIENT_SESSION_TRACK. */
  readonly changes: readonly SessionChange[];
}

export const OK_HEADER = 0x00;
export const OK_AS_EOF_HEADER = 0xfe;

export function decodeOk(payload: Buffer, capabilities: Capabilities): Ok {
  const reader: ByteReader = new ByteReader(payload, 'OK');
  const header = reader.u8();
  if (header !== OK_HEADER && header !== OK_AS_EOF_HEADER) {
    reader.fail('the header is neither 0x00 nor 0xfe');
  }
  const affectedRows = reader.lenencInt();
  const lastInsertId = readLenencBigInt(reader);
  const status = reader.u16();
  const warnings = reader.u16();
  const head = { header, affectedRows, lastInsertId, status, warnings } as const;
  // The documents say string<EOF> without CLIENT_SESSION_TRACK; servers write a length all the same,
  // and the C connectors read one.
  const info = reader.remaining > 0 ? reader.lenencText() : '';
  const tracked = hasCapability(capabilities, CLIENT_SESSION_TRACK);
  const changed = tracked && (status & SERVER_SESSION_STATE_CHANGED) !== 0;
  const changes = changed && reader.remaining > 0 ? readSessionTrack(reader) : [];
  reader.finish();
  return { ...head, info, changes };
}

/** An OK that tells nothing but the status flags. */
export function encodePlainOk(status: number, capabilities: Capabilities): DownstreamPayload {
  const nothing = { affectedRows: 0, lastInsertId: 0n, warnings: 0, info: '', changes: [] };
  return encodeOk({ header: OK_HEADER, status, ...nothing }, capabilities);
}

function readLenencBigInt(reader: ByteReader): bigint {
  if (reader.peekU8() !== 0xfe) return BigInt(reader.lenencInt());
  reader.skip(1);
  return reader.u64();
}

export function encodeOk(ok: Ok, capabilities: Capabilities): DownstreamPayload {
  const writer = new ByteWriter().u8(ok.header).lenencInt(ok.affectedRows);
  if (ok.lastInsertId <= 0xffffffn) writer.lenencInt(Number(ok.lastInsertId));
  else writer.u8(0xfe).u64(ok.lastInsertId);
  const tracked = hasCapability(capabilities, CLIENT_SESSION_TRACK);
  const changed = tracked && ok.changes.length > 0;
  const status = changed
    ? ok.status | SERVER_SESSION_STATE_CHANGED
    : ok.status & ~SERVER_SESSION_STATE_CHANGED;
  writer.u16(status).u16(ok.warnings);
  if (ok.info !== '' || changed) writer.lenencText(ok.info);
  if (changed) writer.lenencBytes(encodeSessionTrack(ok.changes));
  return writer.finish() as DownstreamPayload;
}
