// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkCodec, isMalformed } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import { decodeExecuteParameters } from './com-stmt-execute.ts';
import { decodeAttributedExecute } from './execute-attributes.ts';

const NONE: ReadonlySet<number> = new Set();
const [vector] = MESSAGE_VECTORS['execute-attributes'] ?? [];
const payload = vector?.payload ?? Buffer.alloc(0);

describe('execute-attributes', () => {
  checkCodec({
    file: 'execute-attributes',
    decode: (bytes) => decodeAttributedExecute(bytes, 1, NONE),
  });

  it('gives the command as it is without the capability', () => {
    const { plain, attributes } = decodeAttributedExecute(payload, 1, NONE);
    assert.equal(plain.toString('hex'), '1701000000000100000000010f0003666f6f');
    assert.equal(decodeExecuteParameters(plain, 1)[0]?.value?.toString(), 'foo');
    assert.deepEqual(
      attributes.map(({ name, value }) => [name, value?.toString()]),
      [['traceparent', '00']],
    );
  });

  it('takes attributes off a statement without parameters', () => {
    const bytes = Buffer.from('17010000000801000000010001fe0001610178', 'hex');
    const { plain, attributes } = decodeAttributedExecute(bytes, 0, NONE);
    assert.equal(plain.toString('hex'), '17010000000001000000');
    assert.equal(attributes[0]?.name, 'a');
    const bare = Buffer.from('17010000000001000000', 'hex');
    assert.deepEqual(decodeAttributedExecute(bare, 0, NONE).plain, bare);
  });

  it('knows that NULLs and values sent ahead are not there', () => {
    // Two parameters: the first was sent ahead, the second is NULL; then the attribute.
    const bytes = Buffer.from('170100000008010000000302010f00000f0000fe0001610178', 'hex');
    const { plain, attributes } = decodeAttributedExecute(bytes, 2, new Set([0]));
    assert.equal(plain.toString('hex'), '1701000000000100000002010f000f00');
    assert.equal(attributes[0]?.value?.toString(), 'x');
  });

  it('passes values on unread when there are no attributes', () => {
    const bytes = Buffer.from('17010000000801000000010000abcd', 'hex');
    const { plain } = decodeAttributedExecute(bytes, 1, NONE);
    assert.equal(plain.toString('hex'), '170100000000010000000000abcd');
  });

  it('refuses too few parameters, untyped attributes and what is left over', () => {
    const few = Buffer.from('17010000000801000000010001', 'hex');
    assert.throws(() => decodeAttributedExecute(few, 2, NONE), isMalformed(/1 parameters/));
    const untyped = Buffer.from('17010000000801000000020000', 'hex');
    assert.throws(() => decodeAttributedExecute(untyped, 1, NONE), isMalformed(/without their/));
    const longer = Buffer.concat([payload, Buffer.of(0)]);
    assert.throws(() => decodeAttributedExecute(longer, 1, NONE), isMalformed(/left over/));
  });
});
