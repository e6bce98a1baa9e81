// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeProgress, encodeProgress } from './progress.ts';

describe('progress', () => {
  checkCodec({
    file: 'progress',
    decode: decodeProgress,
    encode: encodeProgress,
    messages: record({
      stage: arbitrary.u8,
      maxStage: arbitrary.u8,
      progress: arbitrary.u24,
      text: arbitrary.text,
    }),
  });
});
