// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf, outcomeOf, sessionOf } from '../../test/support/audit-events.ts';
import { memorySource } from '../../test/support/memory-audit.ts';
import { CHAIN_START, type ChainPosition, linePrefix } from './chain.ts';
import { LineBatch } from './line-batch.ts';
import { readRecords } from './read.ts';
import type { AuditEvent } from './record.ts';
import { findStory, type SearchFilter, search } from './search.ts';
import { serialiseEvent } from './serialise.ts';
import { Follower, lastRecords } from './tail.ts';

const unreadable = (file: string, line: number) => assert.fail(`${file}:${line} is unreadable`);

/** `[minute, event]`, one segment per list. */
function stream(name: string, segments: readonly (readonly [number, AuditEvent])[][]) {
  const files = new Map<string, Buffer>();
  let position: ChainPosition = CHAIN_START;
  for (const segment of segments) {
    const file = `${name}/${String(position.seq + 1).padStart(12, '0')}.jsonl`;
    const lines = new LineBatch();
    for (const [minute, event] of segment) {
      const time = new Date(Date.UTC(2027, 0, 1, 0, minute)).toISOString();
      position = lines.add(linePrefix(name), position, time, serialiseEvent(event));
    }
    files.set(file, Buffer.from(lines.bytes));
  }
  return files;
}

const started: AuditEvent = { event: 'gateway', what: 'started', detail: 'x' };
const denied = { decision: 'deny', reason: 'not-permitted', kind: 'delete' } as const;
const elsewhere = {
  source: '[2001:db8::7]:4071',
  upstreamConnection: 81,
  traceparent: '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01',
};
const files = new Map([
  ...stream('p.0.1', [
    [
      [0, started],
      [1, sessionOf('session-opened')],
      [2, intentOf('a')],
      [3, outcomeOf('a')],
    ],
    [
      [6, intentOf('b', { ...denied, needs: ['delete shop.orders'], statement: 'DELETE x' })],
      [9, intentOf('c', { principal: 'user/entra/1', session: 's-2', ...elsewhere })],
    ],
  ]),
  ...stream('p.1.1', [
    [
      [2, started],
      [4, intentOf('d', { target: 'data-hr/people', session: 's-3', needs: ['select hr.people'] })],
      [5, intentOf('e', { session: 's-3', needs: ['select shop.stock'] })],
      [7, outcomeOf('d', { session: 's-3' })],
      [8, sessionOf('session-closed')],
    ],
  ]),
]);
const source = memorySource(files);
const ids = (records: Iterable<{ record: AuditEvent }>) =>
  [...records].map(({ record }) => ('id' in record ? record.id : record.event));
const found = (filter: SearchFilter) => ids(search(source, filter, { unreadable }));

describe('search', () => {
  describe('read', () => {
    it('merges streams by time', () => {
      const all = 'gateway session-opened-1 a gateway a d e b d session-closed-1 c'.split(' ');
      assert.deepEqual(ids(readRecords(source, { unreadable })), all);
    });

    it('keeps to a time window', () => {
      const window = { since: '2027-01-01T00:04:00.000Z', until: '2027-01-01T00:07:00.000Z' };
      assert.deepEqual(ids(readRecords(source, { ...window, unreadable })), ['d', 'e', 'b']);
    });

    it('tells of lines that are no records, and passes over a torn end', () => {
      const broken = new Map(files);
      const name = 'p.1.1/000000000001.jsonl';
      broken.set(
        name,
        Buffer.concat([
          Buffer.from('nonsense\n'),
          files.get(name) ?? Buffer.alloc(0),
          Buffer.from('{"v":1,'),
        ]),
      );
      const told: string[] = [];
      const records = readRecords(memorySource(broken), {
        unreadable: (file, line) => told.push(`${file}:${line}`),
      });
      assert.equal(ids(records).length, 11);
      assert.deepEqual(told, [`${name}:1`]);
    });
  });

  describe('search', () => {
    it('filters by every field', () => {
      assert.deepEqual(found({ principal: 'user/' }), ['c']);
      assert.deepEqual(found({ target: 'people' }), ['d']);
      assert.deepEqual(found({ decision: 'deny' }), ['b']);
      assert.deepEqual(found({ reason: 'not-permitted' }), ['b']);
      assert.deepEqual(found({ kind: 'delete' }), ['b']);
      assert.deepEqual(found({ object: 'shop.orders' }), ['a', 'b', 'c']);
      assert.deepEqual(found({ object: 'select shop.orders' }), ['a', 'c']);
      assert.deepEqual(found({ object: 'shop.*' }), ['a', 'e', 'b', 'c']);
      assert.deepEqual(found({ id: 'd' }), ['d']);
      assert.deepEqual(found({ session: 's-3' }), ['d', 'e']);
      assert.deepEqual(found({ text: 'delete X' }), ['b']);
      assert.deepEqual(found({ decision: 'allow', object: 'shop.*', session: 's-3' }), ['e']);
    });

    it('finds by the ids that the logs of others have', () => {
      assert.deepEqual(found({ source: '[2001:db8::7]:4071' }), ['c']);
      assert.deepEqual(found({ source: '[2001:db8::7]' }), ['c']);
      assert.deepEqual(found({ source: '[2001:db8::7]:407' }), []);
      assert.deepEqual(found({ connection: '81' }), ['c']);
      assert.deepEqual(found({ connection: '8' }), []);
      assert.deepEqual(found({ trace: '4bf92f3577b34da6a3ce929d0e0e4736' }), ['c']);
      assert.deepEqual(found({ trace: '00f067aa0ba902b7' }), []);
    });

    it('joins outcomes, in the order of the intents', () => {
      const hits = [...search(source, { decision: 'allow' }, { unreadable })];
      assert.deepEqual(
        hits.map(({ record, outcome }) => [
          'id' in record && record.id,
          outcome?.record.event === 'outcome' && outcome.record.id,
        ]),
        [
          ['a', 'a'],
          ['d', 'd'],
          ['e', false],
          ['c', false],
        ],
      );
    });

    it('tells the story of a decision and of a session', () => {
      const decision = findStory(source, 'a', { unreadable });
      assert.deepEqual(ids(decision.records), ['a', 'a']);
      assert.deepEqual(ids(decision.session), ['session-opened-1']);
      assert.deepEqual(ids(findStory(source, 's-1', { unreadable }).session), ['session-opened-1']);
      assert.deepEqual(findStory(source, 'zzz', { unreadable }), { records: [], session: [] });
    });
  });

  describe('tail', () => {
    it('gives the last records over all streams', () => {
      assert.deepEqual(ids(lastRecords(source, 3)), ['d', 'session-closed-1', 'c']);
      assert.equal(lastRecords(source, 100).length, 11);
    });

    it('follows what is added, whole lines only, into new segments and streams', () => {
      const growing = new Map(files);
      const follower = new Follower(memorySource(growing));
      assert.deepEqual(follower.look(), []);
      const next = [...stream('p.0.2', [[[10, started]], [[11, intentOf('x')]]])];
      const [first, second] = next;
      assert.ok(first && second);
      growing.set(first[0], first[1].subarray(0, 30));
      assert.deepEqual(follower.look(), []);
      growing.set(first[0], first[1]).set(second[0], second[1]);
      assert.deepEqual(ids(follower.look()), ['gateway', 'x']);
      assert.deepEqual(follower.look(), []);
    });
  });
});
