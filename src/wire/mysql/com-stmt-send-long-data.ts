// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/** COM_STMT_SEND_LONG_DATA, a piece of one parameter: downstream to upstream, never answered. */
export interface ComStmtSendLongData {
  readonly statementId: number;
  readonly parameter: number;
  readonly data: Buffer;
}

/** What must be there before the message can be attributed to its statement. */
export const LONG_DATA_HEAD_BYTES = 7;

export function decodeComStmtSendLongData(payload: Buffer): ComStmtSendLongData {
  const reader = new ByteReader(payload, 'COM_STMT_SEND_LONG_DATA');
  if (reader.u8() !== COM.COM_STMT_SEND_LONG_DATA) reader.fail('the command is not 0x18');
  return { statementId: reader.u32(), parameter: reader.u16(), data: reader.rest() };
}

export function encodeComStmtSendLongData(command: ComStmtSendLongData): UpstreamPayload {
  return new ByteWriter(command.data.length + LONG_DATA_HEAD_BYTES)
    .u8(COM.COM_STMT_SEND_LONG_DATA)
    .u32(command.statementId)
    .u16(command.parameter)
    .put(command.data)
    .finish() as UpstreamPayload;
}
