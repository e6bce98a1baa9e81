// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { HASH_SUFFIX_LENGTH, linePrefix, PREV_LENGTH } from '../../src/audit/chain.ts';
import { HEADS_FILE } from '../../src/audit/heads.ts';
import { LineBatch } from '../../src/audit/line-batch.ts';
import { parseLine } from '../../src/audit/read.ts';

export type Files = Map<string, Buffer>;
/** A whole number from 0 up to and without `below`. */
export type Below = (below: number) => number;

/** The file of the witness among the others. */
export const WITNESS = 'witness';

/** What is protected of each file: nothing else may be asked to be noticed. */
export type Protected = ReadonlyMap<string, { readonly from: number; readonly to: number }>;

/** Returns what it did, or undefined when it found nothing to do. */
type Mutation = (files: Files, where: Protected, random: Below) => string | undefined;

/** Changes of single bytes and runs of bytes, in any file. */
const BYTES: Readonly<Record<string, Mutation>> = {
  'change one byte': (files, where, random) =>
    editBytes(files, where, random, (bytes, at) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 + random(255));
      return changed;
    }),
  'flip one bit': (files, where, random) =>
    editBytes(files, where, random, (bytes, at) => {
      const changed = Buffer.from(bytes);
      changed[at] = (changed[at] ?? 0) ^ (1 << random(8));
      return changed;
    }),
  'remove bytes': (files, where, random) =>
    editBytes(files, where, random, (bytes, at, to) => {
      const end = Math.min(at + 1 + random(20), to);
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(end)]);
    }),
  'insert bytes': (files, where, random) =>
    editBytes(files, where, random, (bytes, at) => {
      const added = Buffer.from(['\n', ' ', '{}\n', '"', '0'][random(5)] ?? '');
      return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
    }),
  'overwrite bytes': (files, where, random) =>
    editBytes(files, where, random, (bytes, at, to) => {
      const changed = Buffer.from(bytes);
      for (let place = at; place < Math.min(at + 8, to); place += 1) changed[place] = 0x20;
      return changed;
    }),
};

/** Changes of whole records, heads and policies. */
const LINES: Readonly<Record<string, Mutation>> = {
  'delete a line'(files, where, random) {
    const [path, lines, count] = pickLines(files, where, random, true);
    const at = random(count) + (path === WITNESS ? 1 : 0);
    files.set(path, Buffer.concat(lines.toSpliced(at, 1)));
    return `${path} line ${at + 1}`;
  },
  'delete several lines'(files, where, random) {
    const [path, lines, count] = pickLines(files, where, random);
    const at = random(count);
    const gone = 1 + random(Math.max(1, count - at));
    files.set(path, Buffer.concat(lines.toSpliced(at, gone)));
    return `${path} lines ${at + 1} and ${gone - 1} more`;
  },
  'repeat a line'(files, where, random) {
    const [path, lines, count] = pickLines(files, where, random);
    const [from, to] = [random(count), random(count)];
    files.set(path, Buffer.concat(lines.toSpliced(to, 0, lines[from] ?? Buffer.alloc(0))));
    return `${path} line ${from + 1} at ${to + 1}`;
  },
  'swap two lines'(files, where, random) {
    const [path, lines, count] = pickLines(files, where, random);
    const [a, b] = [random(count), random(count)];
    if (a === b) return undefined;
    const swapped = lines.with(a, lines[b] ?? Buffer.alloc(0)).with(b, lines[a] ?? Buffer.alloc(0));
    files.set(path, Buffer.concat(swapped));
    return `${path} lines ${a + 1} and ${b + 1}`;
  },
  'move a line to another file'(files, where, random) {
    const [from, lines, count] = pickLines(files, where, random);
    const [to, others, otherCount] = pickLines(files, where, random);
    if (from === to) return undefined;
    const at = random(count);
    const moved = lines[at] ?? Buffer.alloc(0);
    files.set(from, Buffer.concat(lines.toSpliced(at, 1)));
    files.set(to, Buffer.concat(others.toSpliced(random(otherCount), 0, moved)));
    return `${from} line ${at + 1} to ${to}`;
  },
  'edit a field and its hash'(files, where, random) {
    const [path, lines, count] = pickLines(files, where, random);
    const at = random(count);
    const edited = path.includes('postern') ? editedField(lines[at], random) : undefined;
    if (!edited) return undefined;
    const body = edited.text.slice(0, -HASH_SUFFIX_LENGTH - 1);
    const hash = createHash('sha256').update(body).digest('hex');
    const line = Buffer.from(`${body},"hash":"${hash}"}\n`);
    files.set(path, Buffer.concat(lines.with(at, line)));
    return `${path} line ${at + 1} ${edited.field}`;
  },
  'edit a field and the chain after it'(files, where, random) {
    const [path, lines, count] = pickLines(files, where, random);
    const at = random(count);
    const edited = path.includes('postern') ? editedField(lines[at], random) : undefined;
    if (!edited) return undefined;
    files.set(path, Buffer.concat(lines.with(at, Buffer.from(edited.text))));
    chainAgain(files, path.slice(0, path.indexOf('/')), path);
    return `${path} line ${at + 1} ${edited.field}, and all after it`;
  },
};

/** Changes of whole files and streams. */
const FILES: Readonly<Record<string, Mutation>> = {
  truncate(files, where, random) {
    const [path, { from, to }] = pick(where, random, false);
    const length = from + random(to - from);
    files.set(path, (files.get(path) ?? Buffer.alloc(0)).subarray(0, length));
    return `${path} to ${length}`;
  },
  'truncate at a line'(files, where, random) {
    const [path, lines, count] = pickLines(files, where, random);
    const kept = random(count);
    files.set(path, Buffer.concat(lines.slice(0, kept)));
    return `${path} to ${kept} lines`;
  },
  'delete a file'(files, where, random) {
    const [path] = pick(where, random, false);
    files.delete(path);
    return path;
  },
  'swap two files'(files, where, random) {
    const [[a], [b]] = [pick(where, random, false), pick(where, random, false)];
    if (a === b) return undefined;
    const [first, second] = [files.get(a), files.get(b)];
    if (first && second) files.set(a, second).set(b, first);
    return `${a} and ${b}`;
  },
  'replay a segment'(files, where, random) {
    const segments = [...where.keys()].filter((path) => path.startsWith('postern'));
    const [from = '', to = ''] = [
      segments[random(segments.length)],
      segments[random(segments.length)],
    ];
    if (from === to) return undefined;
    files.set(to, files.get(from) ?? Buffer.alloc(0));
    return `${from} over ${to}`;
  },
  'delete a stream'(files, where, random) {
    const streams = [...new Set([...where.keys()].map((path) => path.split('/')[0] ?? ''))];
    const found = streams.filter((name) => name.startsWith('postern'));
    const stream = found[random(found.length)];
    for (const path of [...files.keys()]) if (path.startsWith(`${stream}/`)) files.delete(path);
    return stream;
  },
  'delete all streams and heads but one'(files, where, random) {
    const [kept] = pick(where, random, false);
    for (const path of [...files.keys()]) {
      if (path !== WITNESS && path !== kept) files.delete(path);
    }
    return `all but ${kept}`;
  },
  'rename a segment'(files, where, random) {
    const [path] = pick(where, random, false);
    const bytes = files.get(path);
    if (!path.startsWith('postern') || !bytes) return undefined;
    files.delete(path);
    files.set(
      path.replace(/\d{12}/, (name) => String(Number(name) + 1).padStart(12, '0')),
      bytes,
    );
    return path;
  },
};

export const MUTATIONS: Readonly<Record<string, Mutation>> = { ...BYTES, ...LINES, ...FILES };

/** The witness is a log of somebody else's: only what is inside it can be missed. */
function pick(
  where: Protected,
  random: Below,
  withWitness: boolean,
): [string, { readonly from: number; readonly to: number }] {
  const all = [...where].filter(([path]) => withWitness || path !== WITNESS);
  return all[random(all.length)] ?? ['', { from: 0, to: 0 }];
}

function editBytes(
  files: Files,
  where: Protected,
  random: Below,
  edit: (bytes: Buffer, at: number, to: number) => Buffer,
): string | undefined {
  const [path, { from, to }] = pick(where, random, true);
  const bytes = files.get(path) ?? Buffer.alloc(0);
  const at = from + random(to - from);
  const edited = edit(bytes, at, to);
  // A line end more or less between two heads of a shared log means nothing.
  if (path === WITNESS && sameLines(bytes, edited)) return undefined;
  files.set(path, edited);
  return `${path} at ${at}`;
}

function sameLines(a: Buffer, b: Buffer): boolean {
  const heads = (bytes: Buffer) =>
    bytes
      .toString()
      .split('\n')
      .filter((line) => /^\{"v"/.test(line));
  return heads(a).join() === heads(b).join();
}

/** A file in lines, and how many of them are protected. */
function pickLines(
  files: Files,
  where: Protected,
  random: Below,
  withWitness = false,
): [string, Buffer[], number] {
  const [path, { from, to }] = pick(where, random, withWitness);
  const bytes = files.get(path) ?? Buffer.alloc(0);
  const lines = bytes.toString('latin1').split(/(?<=\n)/);
  const count = bytes.subarray(from, to).toString('latin1').split('\n').length - 1;
  return [path, lines.map((line) => Buffer.from(line, 'latin1')), Math.max(1, count)];
}

/** The line with another value in one of its fields, its place in the chain kept. */
function editedField(
  line: Buffer | undefined,
  random: Below,
): { readonly text: string; readonly field: string } | undefined {
  const record = line && parseLine(line.toString());
  if (!record) return undefined;
  const fields = Object.keys(record).filter((name) => !['hash', 'prev', 'v'].includes(name));
  const field = fields[random(fields.length)] ?? 'time';
  const value: unknown = (record as unknown as Record<string, unknown>)[field];
  const other = typeof value === 'number' ? value + 1 + random(9) : `${String(value)}x`;
  return { text: `${JSON.stringify({ ...record, [field]: other })}\n`, field };
}

/** Links and hashes a stream anew from one of its files on, as somebody without the key can. */
function chainAgain(files: Files, stream: string, from: string): void {
  const segments = [...files.keys()].filter((path) => path.startsWith(`${stream}/`)).sort();
  let position = { seq: 0, hash: '' };
  for (const path of segments) {
    const lines = (files.get(path) ?? Buffer.alloc(0)).toString().split(/(?<=\n)/);
    const again = lines.map((line) => {
      const record = parseLine(line);
      if (!record) return line;
      const seq = Number(record.seq);
      if (position.seq === 0 || path < from) {
        position = { seq, hash: record.hash };
        return line;
      }
      const start = linePrefix(stream);
      const rest = line.slice(line.indexOf(',"event"') + 1);
      const fields = rest.slice(0, rest.length - HASH_SUFFIX_LENGTH - PREV_LENGTH - 1);
      const batch = new LineBatch();
      position = batch.add(start, { ...position, seq: seq - 1 }, record.time, fields);
      return Buffer.from(batch.bytes).toString();
    });
    files.set(path, Buffer.from(again.join('')));
  }
}

/** The bytes that the last head of the witness vouches for, by file. */
export function protectedPlaces(files: ReadonlyMap<string, Buffer>): Protected {
  const ends = new Map<string, { segment: string; bytes: number }>();
  const heads = (files.get(HEADS_FILE) ?? Buffer.alloc(0)).toString().split('\n').slice(0, -1);
  for (const line of heads) {
    const { streams } = JSON.parse(line) as {
      streams: { stream: string; segment: string; bytes: number }[];
    };
    for (const at of streams) ends.set(at.stream, at);
  }
  const places = new Map<string, { from: number; to: number }>();
  for (const [path, bytes] of files) {
    const [stream = '', segment = ''] = path.split('/');
    const end = ends.get(stream);
    const whole = { from: 0, to: bytes.length };
    if (!stream.startsWith('postern')) places.set(path, whole);
    else if (end && segment < end.segment) places.set(path, whole);
    else if (end && segment === end.segment) places.set(path, { from: 0, to: end.bytes });
  }
  const witness = files.get(WITNESS) ?? Buffer.alloc(0);
  // Its first line may be missing (an older part was rotated away), and its last is the end.
  const last = witness.lastIndexOf('\n', witness.length - 2) + 1;
  places.set(WITNESS, { from: witness.indexOf('\n') + 1, to: last - 1 });
  return places;
}
