// SPDX-License-Identifier: Apache-2.0
import { ByteReader } from '../bytes.ts';
import { COM } from './commands.ts';
import type { UpstreamPayload } from './payload.ts';

/** Commands that are their first byte and nothing else: downstream to upstream. */
export type CommandOnly =
  | 'COM_QUIT'
  | 'COM_STATISTICS'
  | 'COM_PROCESS_INFO'
  | 'COM_DEBUG'
  | 'COM_PING'
  | 'COM_RESET_CONNECTION';

const NAMES: readonly CommandOnly[] = [
  'COM_QUIT',
  'COM_STATISTICS',
  'COM_PROCESS_INFO',
  'COM_DEBUG',
  'COM_PING',
  'COM_RESET_CONNECTION',
];

export function decodeCommandOnly(payload: Buffer): CommandOnly {
  const reader: ByteReader = new ByteReader(payload, 'command');
  const code = reader.u8();
  const name = NAMES.find((candidate) => COM[candidate] === code);
  if (name === undefined) reader.fail(`0x${code.toString(16)} is no command without a body`);
  reader.finish();
  return name;
}

export function encodeCommandOnly(command: CommandOnly): UpstreamPayload {
  return Buffer.from([COM[command]]) as UpstreamPayload;
}
