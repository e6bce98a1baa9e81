// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import type { DownstreamPayload } from './payload.ts';

/** ERR: upstream to downstream. https://mariadb.com/kb/en/err_packet/ */
export interface Err {
  readonly errno: number;
  /** Five characters; `HY000` when the server sent none (errors before the login). */
  readonly sqlState: string;
  readonly message: string;
}

export const ERR_HEADER = 0xff;
/** MariaDB's progress report travels as an ERR with this number; see progress.ts. */
export const PROGRESS_ERRNO = 0xffff;

const GENERAL_SQL_STATE = 'HY000';
const SQL_STATE_MARKER = 0x23;

export function decodeErr(payload: Buffer): Err {
  const reader = new ByteReader(payload, 'ERR');
  if (reader.u8() !== ERR_HEADER) reader.fail('the header is not 0xff');
  const errno = reader.u16();
  if (errno === PROGRESS_ERRNO) reader.fail('it is a progress report');
  let sqlState = GENERAL_SQL_STATE;
  if (reader.remaining >= 6 && reader.peekU8() === SQL_STATE_MARKER) {
    reader.skip(1);
    sqlState = reader.take(5).toString('latin1');
  }
  return { errno, sqlState, message: reader.restText() };
}

export function encodeErr(err: Err): DownstreamPayload {
  if (!/^[0-9A-Z]{5}$/.test(err.sqlState)) throw new RangeError('an SQLSTATE has five characters');
  return new ByteWriter()
    .u8(ERR_HEADER)
    .u16(err.errno)
    .u8(SQL_STATE_MARKER)
    .text(err.sqlState)
    .text(err.message)
    .finish() as DownstreamPayload;
}
