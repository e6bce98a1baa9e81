// SPDX-License-Identifier: Apache-2.0
import type { Limits } from '../model/decision.ts';
import type { Grant, Policy, ServiceClass } from './policy.ts';

const LIMITS = ['connections', 'requestsPerSecond', 'rowsPerRequest', 'requestTimeoutMs'] as const;

export interface CombinedLimits {
  readonly limits: Limits;
  /** The class whose budget is charged: the one with the lowest rate, then the first by name. */
  readonly serviceClass?: string;
}

/**
 * The strictest of each limit. One class is named, not a mixture: budgets are kept per class, and
 * a mixture would be a second budget beside it.
 */
export function combineLimits(grants: readonly Grant[], policy: Policy): CombinedLimits {
  const classes = new Set<ServiceClass>();
  for (const { serviceClass } of grants) {
    const found = serviceClass === undefined ? undefined : policy.serviceClasses.get(serviceClass);
    if (found) classes.add(found);
  }
  const [strictest] = [...classes].sort(byStrictness);
  return {
    limits: strictestLimits([...classes].map((one) => one.limits)),
    ...(strictest && { serviceClass: strictest.name }),
  };
}

export function strictestLimits(all: readonly Limits[]): Limits {
  const strictest: { -readonly [Key in keyof Limits]: Limits[Key] } = {};
  for (const limits of all) {
    for (const name of LIMITS) {
      const value = limits[name];
      if (value !== undefined) strictest[name] = Math.min(value, strictest[name] ?? value);
    }
  }
  return strictest;
}

function byStrictness(a: ServiceClass, b: ServiceClass): number {
  for (const name of ['requestsPerSecond', 'connections', 'rowsPerRequest'] as const) {
    const difference = (a.limits[name] ?? Infinity) - (b.limits[name] ?? Infinity);
    // Infinity - Infinity is NaN: neither has this limit.
    if (difference) return difference;
  }
  return a.name < b.name ? -1 : 1;
}
