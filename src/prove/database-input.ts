// SPDX-License-Identifier: Apache-2.0
import type { Scope } from '../compile/sql/managed.ts';
import type { ObservedState } from '../compile/sql/observed.ts';

/** One Target's server as it is, or as it would be. */
export interface DatabaseInput {
  readonly source: 'live' | 'declared';
  /** What the declaration wants there. */
  readonly scope: Scope;
  /** Absent: what `bootstrap` would make. */
  readonly observed?: ObservedState;
}
