// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/** COM_STMT_FETCH, more rows of a cursor: downstream to upstream. */
export interface ComStmtFetch {
  readonly statementId: number;
  readonly rows: number;
}

export function decodeComStmtFetch(payload: Buffer): ComStmtFetch {
  const reader = new ByteReader(payload, 'COM_STMT_FETCH');
  if (reader.u8() !== COM.COM_STMT_FETCH) reader.fail('the command is not 0x1c');
  const command = { statementId: reader.u32(), rows: reader.u32() };
  reader.finish();
  return command;
}

export function encodeComStmtFetch(command: ComStmtFetch): UpstreamPayload {
  return new ByteWriter(16)
    .u8(COM.COM_STMT_FETCH)
    .u32(command.statementId)
    .u32(command.rows)
    .finish() as UpstreamPayload;
}
