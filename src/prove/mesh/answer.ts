// SPDX-License-Identifier: Apache-2.0
import type { MeshUnknown } from './mesh-verdict.ts';

/** What is missing to tell. */
export interface Unknown {
  readonly why: MeshUnknown;
  readonly detail: string;
}

/** Three-valued (Kleene): an unknown part decides only where the known ones leave it to. */
export type Answer = boolean | Unknown;

export const unknown = (why: MeshUnknown, detail: string): Unknown => ({ why, detail });

export function isUnknown(value: unknown): value is Unknown {
  return typeof value === 'object' && value !== null && 'why' in value && 'detail' in value;
}

/** No if any is no; else unknown if any is. */
export function every<One>(items: Iterable<One>, test: (one: One) => Answer): Answer {
  let result: Answer = true;
  for (const item of items) {
    const answer = test(item);
    if (answer === false) return false;
    if (result === true) result = answer;
  }
  return result;
}

/** Yes if any is yes; else unknown if any is. */
export function some<One>(items: Iterable<One>, test: (one: One) => Answer): Answer {
  return not(every(items, (item) => not(test(item))));
}

export function not(answer: Answer): Answer {
  return typeof answer === 'boolean' ? !answer : answer;
}
