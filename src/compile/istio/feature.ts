// SPDX-License-Identifier: Apache-2.0

/** What the output needs of Istio, and the first minor that has it. Documented in the guide. */
const FIRST_MINOR = {
  /** Objects of `security.istio.io/v1` and `telemetry.istio.io/v1`. */
  mesh: 22,
  /** ztunnel hands connections over with a PROXY header (`waypoint-inbound-binding`). */
  waypointBinding: 25,
  /** Addresses for host names without one, so that one host per port is no longer the limit. */
  addressAllocation: 25,
} as const;
export type Feature = keyof typeof FIRST_MINOR;

/** The last one whose rules were read; a newer one may mean something else by the same words. */
const LAST_MINOR = 31;

/** The problem with this feature in `version`, or undefined when it is there. */
export function missingFeature(version: string, feature: Feature): string | undefined {
  const minor = Number(/^1\.(\d+)$/.exec(version)?.[1] ?? Number.NaN);
  if (minor > LAST_MINOR) return `it is newer than 1.${LAST_MINOR}, the last one known here`;
  if (minor >= FIRST_MINOR[feature]) return undefined;
  return `this needs 1.${FIRST_MINOR[feature]} or later`;
}
