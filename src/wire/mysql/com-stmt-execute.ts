// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { type BinaryParameter, readParameters, writeParameters } from './binary-value.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/**
 * The head of COM_STMT_EXECUTE: downstream to upstream. What follows depends on how the statement
 * was prepared and on types sent with an earlier execute, so it is passed on as it is.
 * https://mariadb.com/kb/en/com_stmt_execute/
 */
export interface ComStmtExecute {
  readonly statementId: number;
  /** CURSOR_TYPE_* bits. */
  readonly flags: number;
  readonly iterations: number;
}

export const CURSOR_TYPE_READ_ONLY = 0x01;
export const CURSOR_TYPE_FOR_UPDATE = 0x02;
export const CURSOR_TYPE_SCROLLABLE = 0x04;
/** MySQL, with CLIENT_QUERY_ATTRIBUTES: a parameter count follows the head. */
export const PARAMETER_COUNT_AVAILABLE = 0x08;

/** MariaDB: "the statement prepared last", so prepare and execute can be sent together. */
export const LAST_PREPARED_STATEMENT_ID = 0xffff_ffff;

export const EXECUTE_HEAD_BYTES = 10;

export function decodeComStmtExecute(payload: Buffer): ComStmtExecute {
  return readHead(new ByteReader(payload, 'COM_STMT_EXECUTE'));
}

function readHead(reader: ByteReader): ComStmtExecute {
  if (reader.u8() !== COM.COM_STMT_EXECUTE) reader.fail('the command is not 0x17');
  const head = { statementId: reader.u32(), flags: reader.u8(), iterations: reader.u32() };
  if (head.iterations !== 1) reader.fail(`${head.iterations} iterations instead of 1`);
  return head;
}

/**
 * The parameters of an execute that carries their types (the first of a statement always does).
 * Long data sent ahead makes a value be missing: such messages do not decode.
 */
export function decodeExecuteParameters(payload: Buffer, parameters: number): BinaryParameter[] {
  const reader = new ByteReader(payload, 'COM_STMT_EXECUTE');
  readHead(reader);
  const values = parameters > 0 ? readParameters(reader, parameters, false) : [];
  reader.finish();
  return values;
}

export function encodeComStmtExecute(
  command: ComStmtExecute,
  parameters: readonly BinaryParameter[],
): UpstreamPayload {
  const writer = new ByteWriter()
    .u8(COM.COM_STMT_EXECUTE)
    .u32(command.statementId)
    .u8(command.flags)
    .u32(command.iterations);
  if (parameters.length > 0) writeParameters(writer, parameters, false);
  return writer.finish() as UpstreamPayload;
}
