// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { intentOf, outcomeOf } from '../../test/support/audit-events.ts';
import { type AuditEvent, type NewEvent, type RequestOutcome, wholeIntent } from './record.ts';
import { serialiseEvent } from './serialise.ts';

const plain = (event: object) => JSON.parse(JSON.stringify(event));
const text = fc.string({ unit: 'binary', maxLength: 40 });
const json = (event: NewEvent) => JSON.parse(`{${serialiseEvent(event)}}`);

describe('serialise', () => {
  describe('serialiseEvent', () => {
    it('means what JSON.stringify means, for any text and number', () => {
      const origin = fc.record({ principal: text, source: text, upstreamConnection: fc.integer() });
      const content = fc.record(
        {
          statement: text,
          needs: fc.array(text),
          schema: text,
          tags: fc.dictionary(text, text),
          statementCutFrom: fc.nat(),
        },
        { requiredKeys: ['needs'] },
      );
      const own = fc.record(
        { id: text, detail: text, command: text, traceparent: text },
        { requiredKeys: ['id'] },
      );
      fc.assert(
        fc.property(own, origin, content, ({ id, ...rest }, from, about) => {
          const { event, decision, revision, kind, command, rules, ...base } = intentOf(id);
          const { session, method, verifiedBy, target } = base;
          const parts = {
            ...{ event, id, decision, rules, revision, command, kind, ...rest },
            origin: { session, method, verifiedBy, target, ...from },
            content: about,
          };
          const whole = wholeIntent(parts);
          for (const one of [parts, whole]) {
            // The second time parts come from what was kept.
            for (let time = 0; time < 2; time += 1) assert.deepEqual(json(one), plain(whole));
          }
        }),
        { numRuns: 300 },
      );
    });

    it('means what JSON.stringify means for outcomes, which are made by hand', () => {
      const fields: Record<keyof Omit<RequestOutcome, 'event'>, fc.Arbitrary<unknown>> = {
        id: text,
        session: text,
        outcome: fc.constantFrom('ok', 'error', 'limited', 'killed', 'unknown'),
        reason: fc.constantFrom('limit-time', 'revoked'),
        errno: fc.nat(),
        rows: fc.nat(),
        bytes: fc.nat(),
        fileBytes: fc.nat(),
        durationMs: fc.double({ noNaN: true, noDefaultInfinity: true }),
      };
      const outcome = fc.record(fields, {
        requiredKeys: ['id', 'session', 'outcome', 'rows', 'bytes', 'durationMs'],
      });
      fc.assert(
        fc.property(outcome, (changes) => {
          const event = outcomeOf('d-1', changes as Partial<RequestOutcome>);
          assert.deepEqual(json(event), plain(event));
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
});
