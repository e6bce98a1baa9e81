// SPDX-License-Identifier: Apache-2.0
import type { Random } from '../support/random.ts';

/** Bytes that mean something: lengths' prefixes, NULL, edges of signed and unsigned bytes. */
const TELLING_BYTES = [0x00, 0x01, 0x7f, 0x80, 0xfa, 0xfb, 0xfc, 0xfd, 0xfe, 0xff];
const MAX_BYTES = 1 << 14;

type Mutation = (bytes: Buffer, random: Random, seeds: readonly Buffer[]) => Buffer;

const MUTATIONS: readonly Mutation[] = [
  function flipBit(bytes, random) {
    const at = random.below(bytes.length);
    bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8));
    return bytes;
  },
  function setByte(bytes, random) {
    bytes[random.below(bytes.length)] = random.chance(0.7)
      ? random.pick(TELLING_BYTES)
      : random.below(256);
    return bytes;
  },
  function setRun(bytes, random) {
    const at = random.below(bytes.length);
    const end = Math.min(bytes.length, at + 1 + random.below(8));
    return bytes.fill(random.pick(TELLING_BYTES), at, end);
  },
  function cut(bytes, random) {
    return bytes.subarray(0, random.below(bytes.length));
  },
  function remove(bytes, random) {
    const at = random.below(bytes.length);
    return Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + 1 + random.below(8))]);
  },
  function insert(bytes, random) {
    const at = random.below(bytes.length + 1);
    const added = randomBytes(random, 1 + random.below(16));
    return Buffer.concat([bytes.subarray(0, at), added, bytes.subarray(at)]);
  },
  function repeat(bytes, random) {
    const at = random.below(bytes.length);
    const piece = bytes.subarray(at, at + 1 + random.below(32));
    return Buffer.concat([bytes.subarray(0, at), piece, bytes.subarray(at)]);
  },
  function splice(bytes, random, seeds) {
    const other = random.pick(seeds);
    const at = random.below(bytes.length + 1);
    return Buffer.concat([bytes.subarray(0, at), other.subarray(random.below(other.length + 1))]);
  },
];

export function randomBytes(random: Random, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  for (let at = 0; at < length; at++) bytes[at] = random.below(256);
  return bytes;
}

/** A seed with one to six random changes. */
export function mutate(random: Random, seeds: readonly Buffer[]): Buffer {
  let bytes: Buffer = Buffer.from(random.pick(seeds));
  for (let rounds = 1 + random.below(6); rounds > 0; rounds--) {
    bytes =
      bytes.length === 0 ? randomBytes(random, 8) : random.pick(MUTATIONS)(bytes, random, seeds);
  }
  return bytes.subarray(0, MAX_BYTES);
}
