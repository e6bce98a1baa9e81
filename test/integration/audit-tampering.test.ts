// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { before, describe, it } from 'node:test';
import { PUBLIC_KEY_FILE } from '../../src/audit/heads.ts';
import { planRetirement } from '../../src/audit/retirement.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { type Corpus, CorpusMaker, makeCorpus } from '../support/audit-corpus.ts';
import { type Files, MUTATIONS, protectedPlaces, WITNESS } from '../support/audit-mutations.ts';
import { memorySource } from '../support/memory-audit.ts';
import { Random } from '../support/random.ts';
import { repositoryFile } from '../support/repository-file.ts';

/** `AUDIT_EDITS=20000` looks longer. */
const EDITS = Number(process.env['AUDIT_EDITS'] ?? 1_000);
const CHECKED_BY_PYTHON = 20;

/** Two workers with one signer, rotation, a crash, a restart, and a part that was retired. */
async function makeInstallation(): Promise<Corpus> {
  const maker = new CorpusMaker();
  await (await maker.open('postern.0.0')).stop();
  const [first, second] = [await maker.open('postern.0.1'), await maker.open('postern.1.1')];
  for (let number = 12; number < 20; number += 1) {
    await first.request(number);
    await second.request(number);
  }
  first.crash();
  const third = await maker.open('postern.0.2');
  maker.clock.advance(10 * 3_600_000);
  const { streams } = await planRetirement(
    memorySource(maker.files),
    { targets: {}, otherMs: 3_600_000 },
    {
      now: maker.clock.now(),
      live: new Set(['postern.1.1', 'postern.0.2']),
      retired: new Map(),
      pause: () => Promise.resolve(),
    },
  );
  const due = streams.filter(({ retired }) => /(0\.0|1\.1)$/.test(retired.stream));
  maker.sign(due.map(({ retired }) => retired));
  for (const { segments } of due) for (const file of segments) maker.files.delete(file);
  for (let number = 20; number < 30; number += 1) await third.request(number);
  await second.stop();
  await third.settle();
  // After the last head: an open window, in which nothing need be noticed.
  await third.request(31);
  return maker.corpus();
}

function filesOf(corpus: Corpus): Files {
  return new Map([...corpus.files, [WITNESS, corpus.witness]]);
}

function faultsOf(corpus: Corpus, files: ReadonlyMap<string, Buffer>) {
  const kept = new Map(files);
  const witness = kept.get(WITNESS) ?? Buffer.alloc(0);
  kept.delete(WITNESS);
  return verifyAudit(memorySource(kept), {
    trustedKeys: corpus.publicKey,
    witness: { file: WITNESS, chunks: [witness] },
  });
}

/** Single changes, every class as likely as any other. */
function* changes(files: Files, seed: number): Generator<{ changed: Files; what: string }> {
  const source = new Random(seed);
  const random = (below: number) => source.below(below);
  const names = Object.keys(MUTATIONS);
  const where = protectedPlaces(files);
  for (;;) {
    const name = names[random(names.length)] ?? '';
    const changed = new Map(files);
    const what = MUTATIONS[name]?.(changed, where, random);
    const same = [...files].every(([path, bytes]) => changed.get(path)?.equals(bytes));
    if (what === undefined || (same && changed.size === files.size)) continue;
    yield { changed, what: `${name}: ${what}` };
  }
}

/** The verifier of the manual, on real files: its exit code. */
function python(corpus: Corpus, files: Files): number | null {
  const directory = mkdtempSync(join(tmpdir(), 'postern-tampering-'));
  try {
    for (const [path, bytes] of files) {
      mkdirSync(dirname(join(directory, 'audit', path)), { recursive: true });
      const place = path === WITNESS ? join(directory, WITNESS) : join(directory, 'audit', path);
      writeFileSync(place, bytes);
    }
    writeFileSync(join(directory, 'audit', PUBLIC_KEY_FILE), corpus.publicKey);
    const verifier = repositoryFile('docs/reference/verify_audit.py');
    return spawnSync('python3', [verifier, 'audit', WITNESS], { cwd: directory }).status;
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('audit tampering', () => {
  let corpus: Corpus;
  let files: Files;
  before(async () => {
    corpus = await makeInstallation();
    files = filesOf(corpus);
  });

  it('has a corpus that verifies, with all that can be in one', () => {
    const { faults, streams, heads, retired } = faultsOf(corpus, files);
    deepEqual(faults, []);
    ok(heads >= 15);
    equal(retired.length, 2);
    ok([...files.keys()].filter((path) => path.startsWith('postern')).length >= 8);
    const kept = streams.map(({ stream, openWindow, stopped, tornBytes }) => ({
      stream,
      openWindow,
      stopped,
      torn: tornBytes > 0,
    }));
    deepEqual(kept, [
      { stream: 'postern.0.1', openWindow: 0, stopped: false, torn: true },
      { stream: 'postern.0.2', openWindow: 2, stopped: false, torn: false },
      { stream: 'postern.1.1', openWindow: 0, stopped: true, torn: false },
    ]);
    const open = streams[1];
    ok(open?.openSince !== undefined && open.openUntil !== undefined);
    equal(python(corpus, files), 0);
  });

  it(`finds every one of ${EDITS} random single changes`, () => {
    const seed = 20_270_101;
    const missed: string[] = [];
    let done = 0;
    for (const { changed, what } of changes(files, seed)) {
      if (faultsOf(corpus, changed).faultCount === 0) missed.push(what);
      done += 1;
      if (done >= EDITS) break;
    }
    deepEqual(missed, [], `seed ${seed}`);
  });

  it('and so does the verifier of the manual', () => {
    const missed: string[] = [];
    let done = 0;
    for (const { changed, what } of changes(files, 7)) {
      // It checks chains and heads; what policies say is not its business.
      if (what.includes('policies/')) continue;
      if (python(corpus, changed) === 0) missed.push(what);
      done += 1;
      if (done >= CHECKED_BY_PYTHON) break;
    }
    deepEqual(missed, []);
  });

  it('finds a rewritten history that is consistent in itself', async () => {
    const small = await makeCorpus();
    const forged = await makeCorpus();
    const forgedFiles = new Map([...forged.files, [WITNESS, small.witness]] as const);
    const codes = new Set(faultsOf(small, forgedFiles).faults.map(({ code }) => code));
    ok(codes.has('head-key') && codes.has('witness-differs'));
  });
});
