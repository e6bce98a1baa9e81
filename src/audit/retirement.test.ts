// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CorpusMaker } from '../../test/support/audit-corpus.ts';
import { REVISION } from '../../test/support/audit-events.ts';
import { memorySource } from '../../test/support/memory-audit.ts';
import type { RetiredStream } from './heads.ts';
import {
  duePolicies,
  planRetirement,
  type RetentionRules,
  type RetirementFacts,
} from './retirement.ts';
import { type VerifyOptions, verifyAudit } from './verify.ts';

const DAY = 86_400_000;
const RULES: RetentionRules = {
  targets: { 'data/short': 10 * DAY, 'data/long': 100 * DAY },
  otherMs: 50 * DAY,
};

/** One stream per target, a minute apart, and another that is written still. */
async function setUp() {
  const maker = new CorpusMaker();
  await (await maker.open('postern.0.1', 'data/short')).stop();
  await (await maker.open('postern.0.2', 'data/long')).stop();
  await (await maker.open('postern.0.3', 'data/undeclared')).stop();
  const live = await maker.open('postern.0.4', 'data/short');
  maker.sign();
  const retired = new Map<string, RetiredStream>();
  const plan = (changes: Partial<RetirementFacts> = {}, rules = RULES) =>
    planRetirement(memorySource(maker.files), rules, {
      now: maker.clock.now(),
      live: new Set(['postern.0.4']),
      retired,
      pause: () => Promise.resolve(),
      ...changes,
    });
  /** Signs and removes what is due; returns the streams. */
  const prune = async () => {
    const { streams } = await plan();
    maker.sign(streams.map((stream) => stream.retired));
    for (const { segments, retired: note } of streams) {
      retired.set(note.stream, note);
      for (const file of segments) maker.files.delete(file);
    }
    return streams.map(({ retired: { stream } }) => stream);
  };
  const verify = (options: VerifyOptions = {}) => {
    const { files, publicKey, witness } = maker.corpus();
    return verifyAudit(memorySource(files), {
      trustedKeys: publicKey,
      witness: { file: 'witness', chunks: [witness] },
      ...options,
    });
  };
  const segments = (stream: string) =>
    [...maker.files.keys()].filter((path) => path.startsWith(`${stream}/`));
  return { maker, live, plan, prune, verify, segments, retired };
}

describe('retirement', () => {
  it('removes a segment when the longest retention in it is over, and not before', async () => {
    const { maker, prune, verify, segments } = await setUp();
    maker.clock.advance(9 * DAY);
    deepEqual(await prune(), []);
    maker.clock.advance(2 * DAY);
    deepEqual(await prune(), ['postern.0.1', 'postern.0.4']);
    equal(segments('postern.0.1').length, 0);
    equal(segments('postern.0.4').length, 1, 'what is written still stays');
    maker.clock.advance(40 * DAY);
    deepEqual(await prune(), ['postern.0.3']);
    maker.clock.advance(50 * DAY);
    deepEqual(await prune(), ['postern.0.2']);
    deepEqual(verify().faults, []);
    equal(verify().retired.length, 4);
  });

  it('goes on where it stopped: the chain holds from the first kept record', async () => {
    const { maker, live, prune, verify, segments } = await setUp();
    maker.clock.advance(11 * DAY);
    await prune();
    for (let number = 20; number < 40; number += 1) await live.request(number);
    maker.sign();
    deepEqual(verify().faults, []);
    maker.clock.advance(11 * DAY);
    deepEqual(await prune(), ['postern.0.4']);
    await live.stop();
    const { faults, streams } = verify();
    deepEqual(faults, []);
    equal(streams.find(({ stream }) => stream === 'postern.0.4')?.stopped, true);
    const [first = ''] = segments('postern.0.4');
    maker.files.delete(first);
    ok(
      verify().faults.some(({ code }) => code === 'head-unmet'),
      'deleted by somebody',
    );
  });

  it('keeps what has not been witnessed', async () => {
    const { maker, plan } = await setUp();
    const start = new Date(maker.clock.now() - 60_000).toISOString();
    maker.clock.advance(500 * DAY);
    deepEqual((await plan({ witnessedUntil: start })).streams, []);
    equal((await plan({ witnessedUntil: '2028-01-01T00:00:00.000Z' })).streams.length, 4);
  });

  it('keeps what does not verify, and says so', async () => {
    const { maker, plan } = await setUp();
    const path = 'postern.0.1/000000000001.jsonl';
    const text = maker.files.get(path)?.toString() ?? '';
    maker.files.set(path, Buffer.from(text.replace('shop.orders', 'shop.others')));
    maker.clock.advance(11 * DAY);
    const { streams, problems } = await plan();
    deepEqual(
      streams.map(({ retired }) => retired.stream),
      ['postern.0.4'],
    );
    match(problems[0] ?? '', /postern\.0\.1\/000000000001\.jsonl does not verify and stays/);
  });

  it('finishes what a crash between signing and deleting left', async () => {
    const { maker, plan, retired, verify } = await setUp();
    maker.clock.advance(11 * DAY);
    const { streams } = await plan();
    maker.sign(streams.map((stream) => stream.retired));
    for (const { retired: note } of streams) retired.set(note.stream, note);
    deepEqual(verify().faults, [], 'still there, though it may go');
    maker.files.delete('postern.0.1/000000000001.jsonl');
    deepEqual(verify().faults, [], 'partly there');
    deepEqual((await plan()).streams, []);
  });

  it('is told from a removal that came too early', async () => {
    const early = (verification: ReturnType<typeof verifyAudit>) =>
      verification.faults.filter(({ code }) => code === 'retired-early').length;
    const removed = async (lie: Partial<RetiredStream>) => {
      const { maker, plan, verify } = await setUp();
      const { streams } = await plan({ now: maker.clock.now() + 11 * DAY });
      maker.clock.advance(DAY);
      maker.sign(streams.map(({ retired }) => ({ ...retired, ...lie })));
      for (const { segments } of streams) for (const file of segments) maker.files.delete(file);
      return { maker, streams, verify };
    };
    const { maker, streams, verify } = await removed({});
    equal(early(verify()), 2);
    maker.clock.advance(100 * DAY);
    maker.sign(streams.map(({ retired }) => retired));
    equal(early(verify()), 2, 'saying it again later is no excuse');
    // A lie about the age is met by the heads that were signed when the records were new.
    const old = await removed({ time: '2020-01-01T00:00:00.000Z' });
    equal(early(old.verify()), 2);
    // A short retention is not hidden.
    const short = await removed({ retention: 1 });
    deepEqual(short.verify().faults, []);
    equal(early(short.verify({ leastRetentionMs: 10 * DAY })), 2);
  });

  it('removes a revision when nothing kept can be about it', async () => {
    const { maker, prune, retired } = await setUp();
    const began = maker.clock.now();
    const other = 'd'.repeat(64);
    const due = (loadedAt: number) =>
      duePolicies(
        memorySource(maker.files),
        [
          { revision: REVISION, loadedAt: began - 20 * DAY },
          { revision: other, loadedAt },
        ],
        retired.values(),
      );
    deepEqual(due(began + DAY), []);
    deepEqual(due(began - 10 * DAY), [REVISION]);
    maker.clock.advance(200 * DAY);
    await prune();
    // The live stream's first segments are gone; what follows is still about that revision.
    equal(retired.get('postern.0.4')?.policies[0]?.revision, REVISION);
    deepEqual(due(began - 10 * DAY), []);
  });
});
