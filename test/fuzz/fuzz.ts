// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../src/model/errors.ts';
import { Random } from '../support/random.ts';
import { mutate } from './mutate.ts';

/** Something that reads bytes from outside. */
export interface FuzzTarget {
  readonly name: string;
  /** Valid inputs to start from. */
  readonly seeds: readonly Buffer[];
  /** May return or throw `malformed-message`; everything else is a finding. */
  run(input: Buffer, random: Random): void;
}

export interface FuzzOptions {
  readonly seed: number;
  readonly durationMs: number;
}

/** `FUZZ_SECONDS` (per target, 1) and `FUZZ_SEED` (random) from the environment. */
export function fuzzOptions(env: NodeJS.ProcessEnv): FuzzOptions {
  const seconds = Number(env['FUZZ_SECONDS'] ?? 1);
  const seed = Number(env['FUZZ_SEED'] ?? Math.floor(Math.random() * 0xffff_ffff));
  if (!Number.isFinite(seconds) || !Number.isInteger(seed)) {
    throw new RangeError('FUZZ_SECONDS is a number, FUZZ_SEED an integer');
  }
  return { seed, durationMs: seconds * 1000 };
}

/** No input is above 16 KiB, so one taking this long or this much is a finding as well. */
const HANG_MS = 500;
const MAX_GROWTH_BYTES = 256 << 20;
const INPUTS_PER_LOOK = 64;

/** How many inputs were tried; throws with everything needed to repeat the first finding. */
export function fuzz(target: FuzzTarget, options: FuzzOptions): number {
  const random = new Random(options.seed);
  const end = performance.now() + options.durationMs;
  const memoryBefore = process.memoryUsage().arrayBuffers;
  let inputs = 0;
  for (let looked = performance.now(); looked < end || inputs === 0; looked = performance.now()) {
    for (let batch = 0; batch < INPUTS_PER_LOOK; batch++) {
      const input = inputs < target.seeds.length ? target.seeds[inputs] : undefined;
      tryInput(target, input ?? mutate(random, target.seeds), random, options.seed);
      inputs++;
    }
    if (process.memoryUsage().arrayBuffers - memoryBefore > MAX_GROWTH_BYTES) {
      throw new Error(`${target.name} holds too much memory (seed ${options.seed})`);
    }
  }
  return inputs;
}

function tryInput(target: FuzzTarget, input: Buffer, random: Random, seed: number): void {
  const began = performance.now();
  try {
    target.run(input, random);
  } catch (error) {
    if (!(error instanceof PosternError && error.code === 'malformed-message')) {
      throw new Error(`${target.name}, seed ${seed}, input ${input.toString('hex')}`, {
        cause: error,
      });
    }
  }
  const tookMs = performance.now() - began;
  if (tookMs > HANG_MS) {
    throw new Error(
      `${target.name} took ${Math.round(tookMs)} ms, seed ${seed}, input ${input.toString('hex')}`,
    );
  }
}
