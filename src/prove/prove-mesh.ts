// SPDX-License-Identifier: Apache-2.0
import type { Policy, Target } from '../policy/policy.ts';
import type { Declared } from './declared.ts';
import type { LayerOutcome } from './findings.ts';
import type { Grain } from './mesh-bound.ts';
import type { CallerAtom } from './mesh-callers.ts';
import { MeshComparison } from './mesh-comparison.ts';
import { compareDatabase } from './mesh-database.ts';
import { GatewayDoor } from './mesh-gateway.ts';
import type { MeshInput } from './mesh-input.ts';
import { databasePlaces, type GatewayPlace, gatewayPlaces } from './mesh-places.ts';
import type { WorkBudget } from './work-budget.ts';

/** Who comes through to a place of Postern, and to which of the targets there without a Grant. */
export interface Admitted {
  readonly place: GatewayPlace;
  readonly grain: Grain;
  readonly callers: readonly CallerAtom[];
  /** Those that no target there has a Grant for. */
  readonly strangers: readonly CallerAtom[];
}

export interface MeshOutcome {
  /** By target id. */
  readonly outcomes: ReadonlyMap<string, LayerOutcome>;
  readonly admitted: readonly Admitted[];
}

export interface MeshQuestion {
  readonly policy: Policy;
  readonly input: MeshInput;
  /** What the declaration says about each target. */
  declared(target: Target): Declared;
  readonly budget: WorkBudget;
}

/** Asks one cluster's mesh who comes through to Postern and to the databases, and compares. */
export function proveMesh(question: MeshQuestion): MeshOutcome {
  const comparison = new MeshComparison(question.input, question.budget);
  const places = gatewayPlaces(question.input);
  const doors = places.map((place) => new GatewayDoor(question, comparison, place));
  const admitted = doors.flatMap((door) => door.compare(doors) ?? []);
  for (const place of databasePlaces(question.input)) {
    compareDatabase(question, comparison, place, places[0]?.destination.labels);
  }
  return { outcomes: comparison.outcomes, admitted };
}
