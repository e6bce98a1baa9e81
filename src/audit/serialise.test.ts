// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { intentOf, outcomeOf } from '../../test/support/audit-events.ts';
import { CHAIN_START, chainLine, HASH_SUFFIX_LENGTH, linePrefix, NO_HASH } from './chain.ts';
import type { AuditEvent } from './record.ts';
import { serialiseEvent } from './serialise.ts';

const text = fc.string({ unit: 'binary', maxLength: 40 });
const json = (event: AuditEvent) => JSON.parse(`{${serialiseEvent(event)}}`);

describe('serialise', () => {
  describe('serialiseEvent', () => {
    it('means what JSON.stringify means, for any text and number', () => {
      const intent = fc.record(
        {
          id: text,
          statement: text,
          detail: text,
          needs: fc.array(text),
          schema: text,
          tags: fc.dictionary(text, text),
          upstreamConnection: fc.integer(),
          statementCutFrom: fc.nat(),
          traceparent: text,
        },
        { requiredKeys: ['id'] },
      );
      const outcome = fc.record({ rows: fc.nat(), bytes: fc.nat(), durationMs: fc.double() });
      fc.assert(
        fc.property(intent, outcome, (changes, figures) => {
          const { id, ...rest } = changes;
          for (const event of [intentOf(id, rest), outcomeOf(id, figures)]) {
            assert.deepEqual(json(event), JSON.parse(JSON.stringify(event)));
          }
        }),
        { numRuns: 300 },
      );
    });

    it('keeps every event whole that is not hot', () => {
      const event: AuditEvent = { event: 'gateway', what: 'finding', detail: 'x', revision: 'y' };
      assert.deepEqual(json(event), event);
    });

    it('puts what verification follows first, whatever the order was', () => {
      const { event, id, decision, ...rest } = intentOf('d-1');
      const shuffled = serialiseEvent({ ...rest, decision, id, event });
      assert.ok(shuffled.startsWith('"event":"intent","id":"d-1","decision":"allow"'));
    });
  });

  describe('chainLine', () => {
    it('hashes the bytes of the line without its hash, and links', () => {
      const prefix = linePrefix('s');
      const fields = serialiseEvent({ event: 'gateway', what: 'started', detail: 'é ☃ \u{1f512}' });
      const time = '2027-01-01T00:00:00.000Z';
      const first = chainLine(prefix, CHAIN_START, time, fields);
      const second = chainLine(prefix, { seq: 1, hash: first.hash }, time, fields);
      const bytes = Buffer.from(first.line);
      const hashed = bytes.subarray(0, bytes.length - HASH_SUFFIX_LENGTH);
      assert.equal(createHash('sha256').update(hashed).digest('hex'), first.hash);
      assert.equal(JSON.parse(first.line).prev, NO_HASH);
      assert.equal(JSON.parse(second.line).prev, first.hash);
      assert.equal(JSON.parse(second.line).seq, 2);
    });
  });
});
