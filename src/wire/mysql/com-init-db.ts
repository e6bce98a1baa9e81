// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/** COM_INIT_DB, the default schema: downstream to upstream. The name is in the session's charset. */
export interface ComInitDb {
  readonly schema: Buffer;
}

export function decodeComInitDb(payload: Buffer): ComInitDb {
  const reader = new ByteReader(payload, 'COM_INIT_DB');
  if (reader.u8() !== COM.COM_INIT_DB) reader.fail('the command is not 0x02');
  const schema = reader.rest();
  // The server would stop at the NUL, so the name it uses is not the name that was decided on.
  if (schema.includes(0)) reader.fail('the schema name holds a NUL');
  return { schema };
}

export function encodeComInitDb(command: ComInitDb): UpstreamPayload {
  return new ByteWriter().u8(COM.COM_INIT_DB).put(command.schema).finish() as UpstreamPayload;
}
