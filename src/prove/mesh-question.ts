// SPDX-License-Identifier: Apache-2.0
import type { Policy, Target } from '../policy/policy.ts';
import type { Declared } from './declared.ts';
import type { Grain } from './mesh-bound.ts';
import type { CallerAtom } from './mesh-callers.ts';
import type { MeshInput } from './mesh-input.ts';
import type { GatewayPlace } from './mesh-places.ts';
import type { WorkBudget } from './work-budget.ts';

export interface MeshQuestion {
  readonly policy: Policy;
  readonly input: MeshInput;
  /** What the declaration says about each target. */
  declared(target: Target): Declared;
  readonly budget: WorkBudget;
}

/** Who comes through to a place of Postern, and to which of the targets there without a Grant. */
export interface Admitted {
  readonly place: GatewayPlace;
  readonly grain: Grain;
  readonly callers: readonly CallerAtom[];
  /** Those that no target there has a Grant for. */
  readonly strangers: readonly CallerAtom[];
}
