// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/** COM_SET_OPTION: downstream to upstream. Switches CLIENT_MULTI_STATEMENTS after the login. */
export interface ComSetOption {
  readonly option: typeof MULTI_STATEMENTS_ON | typeof MULTI_STATEMENTS_OFF;
}

export const MULTI_STATEMENTS_ON = 0;
export const MULTI_STATEMENTS_OFF = 1;

export function decodeComSetOption(payload: Buffer): ComSetOption {
  const reader: ByteReader = new ByteReader(payload, 'COM_SET_OPTION');
  if (reader.u8() !== COM.COM_SET_OPTION) reader.fail('the command is not 0x1b');
  const option = reader.u16();
  if (option !== MULTI_STATEMENTS_ON && option !== MULTI_STATEMENTS_OFF) {
    reader.fail(`option ${option} is unknown`);
  }
  reader.finish();
  return { option };
}

export function encodeComSetOption(command: ComSetOption): UpstreamPayload {
  return new ByteWriter(16).u8(COM.COM_SET_OPTION).u16(command.option).finish() as UpstreamPayload;
}
