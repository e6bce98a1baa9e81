// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { arbitrary, checkCodec, isMalformed, record } from '../../../test/support/codec.ts';
import { MESSAGE_VECTORS } from '../../../test/vectors/mysql/messages.ts';
import { decodeSessionTrack, encodeSessionTrack, type SessionChange } from './session-track.ts';

const change: fc.Arbitrary<SessionChange> = fc.oneof(
  record({
    type: fc.constant('system-variable' as const),
    name: arbitrary.text,
    value: arbitrary.text,
  }),
  record({ type: fc.constant('schema' as const), name: arbitrary.text }),
  record({ type: fc.constant('state-change' as const), changed: fc.boolean() }),
  record({ type: fc.constant('gtids' as const), gtids: arbitrary.text }),
  record({
    type: fc.constant('transaction-characteristics' as const),
    statements: arbitrary.text,
  }),
  record({ type: fc.constant('transaction-state' as const), state: arbitrary.text }),
  record({
    type: fc.constant('unknown' as const),
    code: fc.integer({ min: 6, max: 250 }),
    data: arbitrary.bytes,
  }),
);

describe('session-track', () => {
  checkCodec({
    file: 'session-track',
    decode: decodeSessionTrack,
    encode: encodeSessionTrack,
    messages: fc.array(change, { maxLength: 4 }),
  });

  it('reads every kind that MariaDB sends', () => {
    const payload = MESSAGE_VECTORS['session-track']?.[0]?.payload ?? Buffer.alloc(0);
    const changes = decodeSessionTrack(payload);
    assert.deepEqual(changes.slice(3), [
      { type: 'system-variable', name: 'session_track_state_change', value: 'ON' },
      { type: 'state-change', changed: true },
      { type: 'transaction-state', state: '________' },
      { type: 'transaction-characteristics', statements: '' },
    ]);
  });

  it('reads several pairs in one entry, as the documents allow', () => {
    const changes = decodeSessionTrack(
      Buffer.from('0008 016101310162 0132'.replaceAll(' ', ''), 'hex'),
    );
    assert.deepEqual(
      changes.map((each) => each.type === 'system-variable' && each.name + each.value),
      ['a1', 'b2'],
    );
  });

  it('refuses an entry with more bytes than its kind has', () => {
    const bytes = Buffer.from('010301 6100'.replaceAll(' ', ''), 'hex');
    assert.throws(() => decodeSessionTrack(bytes), isMalformed(/left over/));
  });
});
