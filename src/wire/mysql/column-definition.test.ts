// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import { decodeColumnDefinition, encodeColumnDefinition } from './column-definition.ts';
import { FIELD_TYPE } from './field-types.ts';

describe('column-definition', () => {
  checkCodec({
    file: 'column-definition',
    decode: decodeColumnDefinition,
    encode: encodeColumnDefinition,
    readOnly: ['with a default (COM_FIELD_LIST)'],
    messages: record({
      schema: arbitrary.text,
      table: arbitrary.text,
      originalTable: arbitrary.text,
      name: arbitrary.text,
      originalName: arbitrary.text,
      charset: arbitrary.u16,
      columnLength: arbitrary.u32,
      type: arbitrary.u8,
      flags: arbitrary.u16,
      decimals: arbitrary.u8,
    }),
  });

  it('reads a column of a table', () => {
    const payload = MESSAGE_VECTORS['column-definition']?.[1]?.payload ?? Buffer.alloc(0);
    const column = decodeColumnDefinition(payload, 0n);
    assert.deepEqual([column.schema, column.table, column.name], ['shop', 't', 'v']);
    assert.equal(column.type, FIELD_TYPE.VAR_STRING);
    assert.equal(column.columnLength, 80);
  });

  it('refuses another catalog', () => {
    assert.throws(
      () => decodeColumnDefinition(Buffer.from('03646567', 'hex'), 0n),
      isMalformed(/def/),
    );
  });
});
