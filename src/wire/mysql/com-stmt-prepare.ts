// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { DownstreamPayload, UpstreamPayload } from './payload.ts';

/** COM_STMT_PREPARE: downstream to upstream. */
export interface ComStmtPrepare {
  readonly statement: Buffer;
}

/**
 * COM_STMT_PREPARE_OK: upstream to downstream. The definitions of parameters and columns follow.
 * https://mariadb.com/kb/en/com_stmt_prepare/
 */
export interface PrepareOk {
  readonly statementId: number;
  readonly columns: number;
  readonly parameters: number;
  readonly warnings: number;
}

export const PREPARE_OK_HEADER = 0x00;

export function decodeComStmtPrepare(payload: Buffer): ComStmtPrepare {
  const reader = new ByteReader(payload, 'COM_STMT_PREPARE');
  if (reader.u8() !== COM.COM_STMT_PREPARE) reader.fail('the command is not 0x16');
  return { statement: reader.rest() };
}

export function encodeComStmtPrepare(command: ComStmtPrepare): UpstreamPayload {
  return new ByteWriter(command.statement.length + 1)
    .u8(COM.COM_STMT_PREPARE)
    .put(command.statement)
    .finish() as UpstreamPayload;
}

export function decodePrepareOk(payload: Buffer): PrepareOk {
  const reader = new ByteReader(payload, 'COM_STMT_PREPARE_OK');
  if (reader.u8() !== PREPARE_OK_HEADER) reader.fail('the header is not 0x00');
  const statementId = reader.u32();
  const columns = reader.u16();
  const parameters = reader.u16();
  reader.skip(1);
  const warnings = reader.u16();
  // MySQL says here whether metadata follows, only with CLIENT_OPTIONAL_RESULTSET_METADATA.
  reader.finish();
  return { statementId, columns, parameters, warnings };
}

export function encodePrepareOk(ok: PrepareOk): DownstreamPayload {
  return new ByteWriter(16)
    .u8(PREPARE_OK_HEADER)
    .u32(ok.statementId)
    .u16(ok.columns)
    .u16(ok.parameters)
    .u8(0)
    .u16(ok.warnings)
    .finish() as DownstreamPayload;
}
