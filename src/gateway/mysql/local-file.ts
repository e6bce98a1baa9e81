// SPDX-License-Identifier: Apache-2.0
import {
  type Capabilities,
  CLIENT_LOCAL_FILES,
  hasCapability,
} from '../../wire/mysql/capabilities.ts';
import { HEADER_BYTES, MAX_PACKET_BYTES } from '../../wire/mysql/framing.ts';
import { decodeLocalInfile } from '../../wire/mysql/local-infile.ts';
import type { CommandReader } from './command-reader.ts';
import type { Inspection } from './inspect.ts';

/**
 * Why a target's request for a file must not reach the driver, which would send whatever file is
 * named: only LOAD DATA LOCAL may be answered so, and only with the file that it names itself.
 */
export function unaskedFile(
  payload: Buffer,
  { question, row }: Inspection,
  downstream: Capabilities,
): string | undefined {
  const { localFile } = question.features;
  if (row.answer !== 'query' || question.kind !== 'load-data' || localFile === undefined) {
    return 'the target asked for a file although the statement is no LOAD DATA LOCAL';
  }
  if (decodeLocalInfile(payload).fileName.toString('latin1') !== localFile) {
    return 'the target asked for another file than the statement names';
  }
  return hasCapability(downstream, CLIENT_LOCAL_FILES)
    ? undefined
    : 'the target asked for a file although the driver does not send any';
}

/** A file on its way from the principal to the target, packet by packet; never held as a whole. */
export class LocalFile {
  /** Of the file, in the packets that are complete. */
  bytes = 0;
  readonly #reader: CommandReader;
  readonly #send: (bytes: Buffer) => void;
  #messageBytes = 0;

  /** `sequence` is the id of the file's first packet. */
  constructor(reader: CommandReader, sequence: number, send: (bytes: Buffer) => void) {
    this.#reader = reader;
    this.#send = send;
    reader.expect(sequence);
  }

  /** Passes on what is there; true when the file is over. Throws `malformed-message`. */
  pass(): boolean {
    for (;;) {
      const { framed, ended } = this.#reader.part();
      this.#send(framed);
      this.#messageBytes += framed.length;
      if (!ended) return false;
      const messageBytes = this.#messageBytes;
      this.#messageBytes = 0;
      // An empty packet ends the file, but not one that only ends a message of full packets.
      if (messageBytes === HEADER_BYTES) return true;
      const packets = Math.floor(messageBytes / (MAX_PACKET_BYTES + HEADER_BYTES)) + 1;
      this.bytes += messageBytes - packets * HEADER_BYTES;
    }
  }
}
