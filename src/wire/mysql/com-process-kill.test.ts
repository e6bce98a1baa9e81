// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeComProcessKill, encodeComProcessKill } from './com-process-kill.ts';

describe('com-process-kill', () => {
  checkCodec({
    file: 'com-process-kill',
    decode: decodeComProcessKill,
    encode: encodeComProcessKill,
    messages: record({ connectionId: arbitrary.u32 }),
  });
});
