// SPDX-License-Identifier: Apache-2.0
import type { Installation } from '../installation.ts';
import type { Finished } from '../program.ts';
import type { Terminal } from '../terminal.ts';

/** What each step is given. */
export interface Tour {
  readonly installation: Installation;
  readonly terminal: Terminal;
}

/** What was shown is not what should have been; ends the demo with a failure. */
export class Difference extends Error {}

/** Every step holds what it shows against what it says. */
export function expect(holds: boolean, what: string, seen = ''): void {
  if (!holds) throw new Difference(seen === '' ? what : `${what}\n${seen.trimEnd()}`);
}

/** Shows a `postern` command and what it says; its exit code must be `code`. */
export async function showPostern(
  { installation, terminal }: Tour,
  flags: readonly string[],
  code = 0,
): Promise<Finished> {
  terminal.typed('$', ['postern', ...flags.map(quoted)].join(' '));
  const finished = await installation.postern(flags);
  terminal.output(finished.output);
  expect(
    finished.code === code,
    `postern ${flags[0]} ends with ${finished.code}, not ${code}`,
    finished.output,
  );
  return finished;
}

/** As a shell needs it. */
export function quoted(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `"${word.replace(/(["$`\\])/g, '\\$1')}"`;
}
