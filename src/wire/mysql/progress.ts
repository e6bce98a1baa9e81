// SPDX-License-Identifier: Apache-2.0
import { ByteReader, ByteWriter } from '../bytes.ts';
import { ERR_HEADER, PROGRESS_ERRNO } from './err.ts';
import type { DownstreamPayload } from './payload.ts';

/**
 * MariaDB's progress report (MARIADB_CLIENT_PROGRESS): looks like an ERR, but the command goes on.
 * Upstream to downstream. https://mariadb.com/kb/en/err_packet/
 */
export interface Progress {
  readonly stage: number;
  readonly maxStage: number;
  /** Percent times 1,000. */
  readonly progress: number;
  readonly text: string;
}

export function decodeProgress(payload: Buffer): Progress {
  const reader = new ByteReader(payload, 'progress report');
  if (reader.u8() !== ERR_HEADER || reader.u16() !== PROGRESS_ERRNO) {
    reader.fail('the header is not 0xff 0xffff');
  }
  // A count of the strings that follow; servers send one.
  if (reader.u8() !== 1) reader.fail('it does not hold exactly one text');
  const stage = reader.u8();
  const maxStage = reader.u8();
  const progress = reader.u24();
  const text = reader.lenencText();
  reader.finish();
  return { stage, maxStage, progress, text };
}

export function encodeProgress(report: Progress): DownstreamPayload {
  return new ByteWriter()
    .u8(ERR_HEADER)
    .u16(PROGRESS_ERRNO)
    .u8(1)
    .u8(report.stage)
    .u8(report.maxStage)
    .u24(report.progress)
    .lenencText(report.text)
    .finish() as DownstreamPayload;
}
