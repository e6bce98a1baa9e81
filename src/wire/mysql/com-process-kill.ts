// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/** COM_PROCESS_KILL: downstream to upstream. */
export interface ComProcessKill {
  readonly connectionId: number;
}

export function decodeComProcessKill(payload: Buffer): ComProcessKill {
  const reader = new ByteReader(payload, 'COM_PROCESS_KILL');
  if (reader.u8() !== COM.COM_PROCESS_KILL) reader.fail('the command is not 0x0c');
  const command = { connectionId: reader.u32() };
  reader.finish();
  return command;
}

export function encodeComProcessKill(command: ComProcessKill): UpstreamPayload {
  return new ByteWriter(16)
    .u8(COM.COM_PROCESS_KILL)
    .u32(command.connectionId)
    .finish() as UpstreamPayload;
}
