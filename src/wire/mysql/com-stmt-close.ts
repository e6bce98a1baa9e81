// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/** COM_STMT_CLOSE: downstream to upstream, never answered. */
export interface ComStmtClose {
  readonly statementId: number;
}

export function decodeComStmtClose(payload: Buffer): ComStmtClose {
  const reader = new ByteReader(payload, 'COM_STMT_CLOSE');
  if (reader.u8() !== COM.COM_STMT_CLOSE) reader.fail('the command is not 0x19');
  const command = { statementId: reader.u32() };
  reader.finish();
  return command;
}

export function encodeComStmtClose(command: ComStmtClose): UpstreamPayload {
  return new ByteWriter(16)
    .u8(COM.COM_STMT_CLOSE)
    .u32(command.statementId)
    .finish() as UpstreamPayload;
}
