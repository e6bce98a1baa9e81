// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/**
 * The head of MariaDB's COM_STMT_BULK_EXECUTE: downstream to upstream. One statement, many
 * parameter sets, which are passed on as they are.
 * https://mariadb.com/kb/en/com_stmt_bulk_execute/
 */
export interface ComStmtBulkExecute {
  readonly statementId: number;
  /** 64: return generated ids, 128: types follow. */
  readonly flags: number;
  /** Types and values, verbatim. */
  readonly body: Buffer;
}

export function decodeComStmtBulkExecute(payload: Buffer): ComStmtBulkExecute {
  const reader = new ByteReader(payload, 'COM_STMT_BULK_EXECUTE');
  if (reader.u8() !== COM.COM_STMT_BULK_EXECUTE) reader.fail('the command is not 0xfa');
  return { statementId: reader.u32(), flags: reader.u16(), body: reader.rest() };
}

export function encodeComStmtBulkExecute(command: ComStmtBulkExecute): UpstreamPayload {
  return new ByteWriter()
    .u8(COM.COM_STMT_BULK_EXECUTE)
    .u32(command.statementId)
    .u16(command.flags)
    .put(command.body)
    .finish() as UpstreamPayload;
}
