// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/** COM_STMT_RESET, drops long data and an open cursor: downstream to upstream. */
export interface ComStmtReset {
  readonly statementId: number;
}

export function decodeComStmtReset(payload: Buffer): ComStmtReset {
  const reader = new ByteReader(payload, 'COM_STMT_RESET');
  if (reader.u8() !== COM.COM_STMT_RESET) reader.fail('the command is not 0x1a');
  const command = { statementId: reader.u32() };
  reader.finish();
  return command;
}

export function encodeComStmtReset(command: ComStmtReset): UpstreamPayload {
  return new ByteWriter(16)
    .u8(COM.COM_STMT_RESET)
    .u32(command.statementId)
    .finish() as UpstreamPayload;
}
