// SPDX-License-Identifier: Apache-2.0
import { describe } from 'node:test';
import { arbitrary, checkCodec, record } from '../../../test/support/codec.ts';
import { decodeLocalInfile, encodeLocalInfile } from './local-infile.ts';

describe('local-infile', () => {
  checkCodec({
    file: 'local-infile',
    decode: decodeLocalInfile,
    encode: encodeLocalInfile,
    messages: record({ fileName: arbitrary.bytes }),
  });
});
