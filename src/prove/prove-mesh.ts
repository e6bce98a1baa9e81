// SPDX-License-Identifier: Apache-2.0
import type { LayerOutcome } from './findings.ts';
import { MeshComparison } from './mesh-comparison.ts';
import { compareDatabase } from './mesh-database.ts';
import { GatewayDoor } from './mesh-gateway.ts';
import { databasePlaces, gatewayPlaces } from './mesh-places.ts';
import type { Admitted, MeshQuestion } from './mesh-question.ts';

export interface MeshOutcome {
  /** By target id. */
  readonly outcomes: ReadonlyMap<string, LayerOutcome>;
  readonly admitted: readonly Admitted[];
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
