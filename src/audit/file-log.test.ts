// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { intentOf, outcomeOf, sessionOf } from '../../test/support/audit-events.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { MemoryDisk, memorySource } from '../../test/support/memory-audit.ts';
import { silentLog } from '../model/log.ts';
import type { StreamPosition } from './chain.ts';
import { FileLog, type FileLogOptions } from './file-log.ts';
import { parseLine } from './read.ts';
import type { AuditEvent } from './record.ts';
import { verifyAudit } from './verify.ts';

const STREAM = 'postern.0.20270101T000000000Z-00000000';
const RESERVE = 4_096;

function setUp(changes: Partial<FileLogOptions> = {}) {
  const disk = new MemoryDisk();
  const clock = new ManualClock();
  const durable: StreamPosition[] = [];
  const log = new FileLog(
    {
      directory: STREAM,
      stream: STREAM,
      reservePath: '.reserve',
      reserveBytes: RESERVE,
      segmentBytes: 1 << 20,
      segmentAgeMs: 3_600_000,
      disk,
      clock,
      log: silentLog,
      durable: (position) => durable.push(position),
      ...changes,
    },
    { event: 'gateway', what: 'started', detail: 'test' },
  );
  const append = (event: AuditEvent) =>
    new Promise<boolean>((resolve) => {
      log.append(event, resolve);
    });
  const records = () =>
    [...disk.files]
      .filter(([path]) => path.startsWith(`${STREAM}/`))
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .flatMap(([, bytes]) => bytes.toString('utf8').split('\n').slice(0, -1))
      .map((line) => parseLine(line));
  const kinds = () => records().map((record) => (record && 'id' in record ? record.id : 'gateway'));
  const verify = () => verifyAudit(memorySource(disk.files));
  return { disk, clock, durable, log, append, records, kinds, verify };
}

describe('file-log', () => {
  describe('FileLog', () => {
    it('writes all records of a tick at once, then calls back in order', async () => {
      const { disk, log, kinds, verify } = setUp();
      const before = disk.calls.write;
      const order: string[] = [];
      await new Promise<void>((resolve) => {
        for (const id of ['a', 'b', 'c']) {
          log.append(intentOf(id), (ok) => {
            assert.equal(disk.calls.write, before + 1);
            order.push(`${id} ${ok}`);
            if (id === 'c') resolve();
          });
        }
      });
      assert.deepEqual(order, ['a true', 'b true', 'c true']);
      assert.deepEqual(kinds(), ['gateway', 'a', 'b', 'c']);
      assert.equal(verify().faultCount, 0);
    });

    it('finishes short writes', async () => {
      const { disk, append, kinds, verify } = setUp();
      disk.maxWriteBytes = 7;
      assert.equal(await append(intentOf('a')), true);
      assert.deepEqual(kinds(), ['gateway', 'a']);
      assert.equal(verify().faultCount, 0);
    });

    it('goes on with the others when one callback throws', async () => {
      const { log, append } = setUp();
      log.append(intentOf('a'), () => {
        throw new Error('a fault of one session');
      });
      assert.equal(await append(intentOf('b')), true);
    });

    it('records an event as it was when it was appended', async () => {
      const { log, append, records } = setUp();
      const event = { ...intentOf('a'), statement: 'before' };
      log.append(event);
      event.statement = 'after';
      await append(intentOf('b'));
      assert.equal((records()[1] as { statement?: string }).statement, 'before');
    });

    it('syncs at most once per second, and names only what is durable', async () => {
      const { disk, clock, durable, append } = setUp();
      for (const id of ['a', 'b', 'c']) await append(intentOf(id));
      assert.equal(disk.calls.sync, 0);
      clock.advance(1_000);
      await append(intentOf('d'));
      assert.equal(disk.calls.sync, 1);
      assert.deepEqual(
        durable.map(({ seq }) => seq),
        [4],
      );
    });

    it('rotates by size and by age, and links the segments', async () => {
      const { clock, append, disk, verify, kinds } = setUp({ segmentBytes: 1_500 });
      for (const id of ['a', 'b', 'c']) await append(intentOf(id));
      clock.advance(3_600_000);
      await append(intentOf('d'));
      const segments = [...disk.files.keys()].filter((path) => path.startsWith(STREAM));
      assert.deepEqual(segments, [
        `${STREAM}/000000000001.jsonl`,
        `${STREAM}/000000000003.jsonl`,
        `${STREAM}/000000000004.jsonl`,
        `${STREAM}/000000000005.jsonl`,
      ]);
      assert.deepEqual(kinds(), ['gateway', 'a', 'b', 'c', 'd']);
      assert.equal(verify().faultCount, 0);
      assert.equal(disk.openFiles, 1);
    });

    it('keeps the old segment when there can be no new one', async () => {
      const { disk, append, verify, log } = setUp({ segmentBytes: 1_500 });
      await append(intentOf('a'));
      disk.failCreates = { code: 'EMFILE' };
      assert.equal(await append(intentOf('b')), true);
      assert.equal(log.accepting, true);
      assert.equal(verify().faultCount, 0);
    });

    it('goes on in a new segment when the file may not grow', async () => {
      const { disk, append, verify } = setUp();
      await append(intentOf('a'));
      disk.failWrites = { code: 'EFBIG', onlyName: '000000000001' };
      assert.equal(await append(intentOf('b')), true);
      assert.equal(verify().faultCount, 0);
      assert.ok(disk.files.has(`${STREAM}/000000000003.jsonl`));
    });

    it('denies when it is closed', async () => {
      const { log, append, disk } = setUp();
      await append(intentOf('a'));
      await log.close();
      assert.equal(log.accepting, false);
      assert.equal(await append(intentOf('b')), false);
      assert.equal(disk.openFiles, 0);
    });
  });

  describe('FileLog on a full disk', () => {
    function full(disk: MemoryDisk, freeBytes: number): void {
      disk.capacityBytes = [...disk.files.values()].reduce((sum, { length }) => sum + length, 0);
      disk.capacityBytes += freeBytes;
    }

    it('refuses new requests and still writes what is owed, from the reserve', async () => {
      const { disk, log, append, kinds, verify } = setUp();
      await append(intentOf('a'));
      full(disk, 100);
      const results = await Promise.all([append(intentOf('b')), append(outcomeOf('a'))]);
      assert.deepEqual(results, [false, true]);
      assert.equal(log.accepting, false);
      assert.deepEqual(
        await Promise.all([append(intentOf('c')), append(sessionOf('session-opened'))]),
        [false, false],
      );
      assert.equal(await append(sessionOf('session-closed')), true);
      assert.deepEqual(kinds(), ['gateway', 'a', 'a', 'session-closed-1']);
      assert.equal(verify().faultCount, 0);
    });

    it('counts what does not fit the reserve either', async () => {
      const { disk, log, append, verify } = setUp({ reserveBytes: 300 });
      full(disk, 0);
      assert.equal(await append(outcomeOf('a', { outcome: 'error' })), false);
      assert.equal(await append(outcomeOf('b')), false);
      assert.equal(log.outage?.lost, 2);
      assert.equal(verify().faultCount, 0);
    });

    it('recovers by itself, takes the reserve back and records the gap', async () => {
      const { disk, clock, log, append, records, verify } = setUp();
      full(disk, 0);
      await append(intentOf('a'));
      clock.advance(5_000);
      assert.equal(log.accepting, false);
      disk.capacityBytes += 3 * RESERVE;
      clock.advance(1_000);
      assert.equal(log.accepting, true);
      assert.equal(disk.files.get('.reserve')?.length, RESERVE);
      const gap = records().at(-1);
      assert.ok(gap?.event === 'gateway' && gap.gap);
      const { durationMs, refused, lost } = gap.gap;
      assert.deepEqual({ durationMs, refused, lost }, { durationMs: 6_000, refused: 1, lost: 0 });
      assert.equal(await append(intentOf('b')), true);
      assert.equal(verify().faultCount, 0);
    });

    it('does not come back for the space of its own reserve', async () => {
      const { disk, clock, log, append } = setUp();
      full(disk, 0);
      await append(intentOf('a'));
      clock.advance(10_000);
      assert.equal(log.accepting, false);
    });

    it('tells of the gap when it is closed before it is over', async () => {
      const { disk, log, append, records } = setUp();
      full(disk, 0);
      await append(intentOf('a'));
      await log.close();
      const last = records().at(-1);
      assert.equal(last?.event === 'gateway' && last.what, 'audit-gap');
    });

    it('throws at start when there is no room for the reserve', () => {
      const disk = new MemoryDisk();
      disk.capacityBytes = RESERVE - 1;
      assert.throws(() => setUp({ disk }), { code: 'ENOSPC' });
    });
  });

  describe('FileLog on a failing disk', () => {
    it('leaves no part of a failed write behind', async () => {
      const { disk, clock, log, append, kinds, verify } = setUp();
      await append(intentOf('a'));
      disk.maxWriteBytes = 20;
      let writes = 0;
      const write = disk.write.bind(disk);
      disk.write = (...call) => {
        writes += 1;
        if (writes === 3) throw Object.assign(new Error('EIO: injected'), { code: 'EIO' });
        return write(...call);
      };
      assert.equal(await append(intentOf('b')), false);
      assert.equal(log.accepting, false);
      assert.deepEqual(kinds(), ['gateway', 'a']);
      clock.advance(1_000);
      assert.equal(log.accepting, true);
      assert.equal(await append(intentOf('c')), true);
      assert.deepEqual(kinds(), ['gateway', 'a', 'gateway', 'c']);
      assert.equal(verify().faultCount, 0);
    });

    it('stops accepting when a sync fails, and goes on in a new segment', async () => {
      const { disk, clock, durable, log, append, verify } = setUp();
      await append(intentOf('a'));
      disk.failSyncs = { code: 'EIO' };
      clock.advance(1_000);
      await append(outcomeOf('a'));
      assert.equal(log.accepting, false);
      assert.deepEqual(durable, []);
      clock.advance(3_000);
      assert.equal(log.accepting, false);
      disk.failSyncs = undefined;
      clock.advance(1_000);
      assert.equal(log.accepting, true);
      assert.equal(verify().faultCount, 0);
      const segments = [...disk.files.keys()].filter((path) => path.startsWith(STREAM));
      assert.ok(segments.length > 1);
    });

    it('keeps every acknowledged record, in order, whatever fails', async () => {
      let state = 7;
      const random = () => {
        state = (state * 1_103_515_245 + 12_345) % 2_147_483_648;
        return state / 2_147_483_648;
      };
      const { disk, clock, append, kinds, verify, log } = setUp({ segmentBytes: 6_000 });
      const acknowledged: string[] = [];
      for (let round = 0; round < 300; round += 1) {
        disk.maxWriteBytes = random() < 0.3 ? 1 + Math.floor(random() * 400) : 1 << 20;
        const code = ['ENOSPC', 'EIO', 'EFBIG'][Math.floor(random() * 3)] ?? 'EIO';
        disk.failWrites = random() < 0.15 ? { code } : undefined;
        if (random() < 0.2) full(disk, Math.floor(random() * 2_000));
        if (random() < 0.3) disk.capacityBytes = Number.POSITIVE_INFINITY;
        const batch = Array.from({ length: 1 + Math.floor(random() * 4) }, (_, index) => {
          const id = `${round}-${index}`;
          return { id, event: random() < 0.5 ? intentOf(id) : outcomeOf(id) };
        });
        const results = await Promise.all(batch.map(({ event }) => append(event)));
        results.forEach((ok, index) => {
          if (ok) acknowledged.push(batch[index]?.id ?? '');
        });
        if (random() < 0.3) clock.advance(1_000);
      }
      await log.close();
      assert.ok(acknowledged.length > 100);
      assert.deepEqual(
        kinds().filter((id) => id !== 'gateway'),
        acknowledged,
      );
      assert.equal(verify().faultCount, 0);
    });

    function full(disk: MemoryDisk, freeBytes: number): void {
      disk.capacityBytes = [...disk.files.values()].reduce((sum, { length }) => sum + length, 0);
      disk.capacityBytes += freeBytes;
    }
  });
});
