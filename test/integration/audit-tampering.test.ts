// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { verifyAudit } from '../../src/audit/verify.ts';
import { type Corpus, makeCorpus } from '../support/audit-corpus.ts';
import { memorySource } from '../support/memory-audit.ts';

const MUTATIONS = 3_000;

type Files = Map<string, Buffer>;
type Random = (below: number) => number;
/** Returns what it did, or undefined when it would have changed nothing. */
type Mutation = (files: Files, random: Random) => string | undefined;

function seeded(seed: number): Random {
  let state = seed;
  return (below) => {
    // Mulberry32: small, seedable, good enough to pick places.
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return Math.floor((((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296) * below);
  };
}

function pick(files: Files, random: Random): [string, Buffer] {
  const all = [...files];
  const found = all[random(all.length)];
  assert.ok(found);
  return found;
}

function linesOf(bytes: Buffer): Buffer[] {
  const parts = bytes.toString('latin1').split(/(?<=\n)/);
  return parts.map((part) => Buffer.from(part, 'latin1'));
}

const MUTATIONS_BY_NAME: Readonly<Record<string, Mutation>> = {
  'change one byte'(files, random) {
    const [path, bytes] = pick(files, random);
    const at = random(bytes.length);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 + random(255));
    files.set(path, changed);
    return `${path} at ${at}`;
  },
  'flip one bit'(files, random) {
    const [path, bytes] = pick(files, random);
    const at = random(bytes.length);
    const changed = Buffer.from(bytes);
    changed[at] = (changed[at] ?? 0) ^ (1 << random(8));
    files.set(path, changed);
    return `${path} at ${at}`;
  },
  'remove bytes'(files, random) {
    const [path, bytes] = pick(files, random);
    const at = random(bytes.length);
    const end = at + 1 + random(20);
    files.set(path, Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]));
    return `${path} ${at}-${end}`;
  },
  'insert bytes'(files, random) {
    const [path, bytes] = pick(files, random);
    const at = random(bytes.length);
    const added = Buffer.from(['\n', ' ', '{}\n', '"', '0'][random(5)] ?? '');
    files.set(path, Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]));
    return `${path} at ${at}`;
  },
  'delete a line'(files, random) {
    const [path, bytes] = pick(files, random);
    const lines = linesOf(bytes);
    const at = random(lines.length);
    files.set(path, Buffer.concat(lines.toSpliced(at, 1)));
    return `${path} line ${at + 1}`;
  },
  'repeat a line'(files, random) {
    const [path, bytes] = pick(files, random);
    const lines = linesOf(bytes);
    const at = random(lines.length);
    files.set(path, Buffer.concat(lines.toSpliced(at, 0, lines[at] ?? Buffer.alloc(0))));
    return `${path} line ${at + 1}`;
  },
  'swap two lines'(files, random) {
    const [path, bytes] = pick(files, random);
    const lines = linesOf(bytes);
    const [a, b] = [random(lines.length), random(lines.length)];
    if (a === b) return undefined;
    const swapped = lines.with(a, lines[b] ?? Buffer.alloc(0)).with(b, lines[a] ?? Buffer.alloc(0));
    files.set(path, Buffer.concat(swapped));
    return `${path} lines ${a + 1} and ${b + 1}`;
  },
  'move a line to another file'(files, random) {
    const [from, source] = pick(files, random);
    const [to, target] = pick(files, random);
    if (from === to) return undefined;
    const lines = linesOf(source);
    const others = linesOf(target);
    const at = random(lines.length);
    const moved = lines[at] ?? Buffer.alloc(0);
    files.set(from, Buffer.concat(lines.toSpliced(at, 1)));
    files.set(to, Buffer.concat(others.toSpliced(random(others.length), 0, moved)));
    return `${from} line ${at + 1} to ${to}`;
  },
  truncate(files, random) {
    const [path, bytes] = pick(files, random);
    const length = random(bytes.length);
    files.set(path, bytes.subarray(0, length));
    return `${path} to ${length} of ${bytes.length}`;
  },
  'truncate at a line'(files, random) {
    const [path, bytes] = pick(files, random);
    const lines = linesOf(bytes);
    const kept = random(lines.length);
    files.set(path, Buffer.concat(lines.slice(0, kept)));
    return `${path} to ${kept} lines`;
  },
  'delete a file'(files, random) {
    const [path] = pick(files, random);
    files.delete(path);
    return path;
  },
  'swap two files'(files, random) {
    const [a, first] = pick(files, random);
    const [b, second] = pick(files, random);
    if (a === b) return undefined;
    files.set(a, second).set(b, first);
    return `${a} and ${b}`;
  },
  'delete a stream'(files, random) {
    const stream = `postern.0.${1 + random(2)}/`;
    for (const path of [...files.keys()]) if (path.startsWith(stream)) files.delete(path);
    return stream;
  },
  'rename a segment'(files, random) {
    const [path, bytes] = pick(files, random);
    if (!path.startsWith('postern')) return undefined;
    files.delete(path);
    files.set(
      path.replace(/\d{12}/, (name) => String(Number(name) + 1).padStart(12, '0')),
      bytes,
    );
    return path;
  },
};

function faultsOf(corpus: Corpus, files: ReadonlyMap<string, Buffer>) {
  return verifyAudit(memorySource(files), {
    trustedKeys: corpus.publicKey,
    witness: { file: 'witness', chunks: [corpus.witness] },
  });
}

describe('audit tampering', () => {
  it('has a corpus that verifies, signed to its end', async () => {
    const corpus = await makeCorpus();
    const result = faultsOf(corpus, corpus.files);
    assert.deepEqual(result.faults, []);
    assert.equal(result.records, 54);
    assert.ok(result.heads >= 6);
    for (const { openWindow, unknown, stopped } of result.streams) {
      assert.deepEqual(
        { openWindow, unknown, stopped },
        { openWindow: 0, unknown: [], stopped: true },
      );
    }
    assert.ok([...corpus.files.keys()].length >= 9);
  });

  it(`finds every one of ${MUTATIONS} random single changes`, async () => {
    const corpus = await makeCorpus();
    const seed = 20_270_101;
    const random = seeded(seed);
    const names = Object.keys(MUTATIONS_BY_NAME);
    const missed: string[] = [];
    for (let done = 0; done < MUTATIONS; ) {
      const name = names[random(names.length)] ?? '';
      const files = new Map(corpus.files);
      const what = MUTATIONS_BY_NAME[name]?.(files, random);
      const same = [...corpus.files].every(([path, bytes]) => files.get(path)?.equals(bytes));
      if (what === undefined || (same && files.size === corpus.files.size)) continue;
      done += 1;
      if (faultsOf(corpus, files).faultCount === 0) missed.push(`${name}: ${what}`);
    }
    assert.deepEqual(missed, [], `seed ${seed}`);
  });

  it('finds a rewritten history that is consistent in itself', async () => {
    const corpus = await makeCorpus();
    const forged = await makeCorpus();
    const { faults } = faultsOf(corpus, forged.files);
    const codes = new Set(faults.map(({ code }) => code));
    assert.ok(codes.has('head-key') && codes.has('witness-differs'));
  });
});
