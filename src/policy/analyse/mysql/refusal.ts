// SPDX-License-Identifier: Apache-2.0
import type { StatementKind } from '../analysis.ts';

export type Problem = 'unparsed' | 'kind' | 'charset';

/**
 * Unwinds the analysis to `analyseMysql`, which turns it into an `ok: false` answer; it never
 * leaves this folder. `kind` overrides the kind of the statement that was being read.
 */
export class Refusal extends Error {
  readonly problem: Problem;
  readonly kind: StatementKind | undefined;

  /** What is said without the piece of the text that shows the place. */
  readonly plain: string;

  constructor(problem: Problem, plain: string, kind?: StatementKind, place = '') {
    super(plain + place);
    this.problem = problem;
    this.kind = kind;
    this.plain = plain;
  }
}

// Refusals are answers, not faults: a stack trace per refused statement would be wasted work.
export function refuse(
  problem: Problem,
  detail: string,
  kind?: StatementKind,
  place?: string,
): never {
  const limit = Error.stackTraceLimit;
  Error.stackTraceLimit = 0;
  try {
    throw new Refusal(problem, detail, kind, place);
  } finally {
    Error.stackTraceLimit = limit;
  }
}
