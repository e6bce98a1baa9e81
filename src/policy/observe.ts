// SPDX-License-Identifier: Apache-2.0
import type { DataRole, Policy, Target } from './policy.ts';

/**
 * What every lease on a target in Observe mode holds besides its grants: the built-in writer, so
 * that the target lets pass what the gateway only notes. Undefined in Enforce mode, and where the
 * Target names no schemas: then nothing beyond the grants can be observed.
 */
export function observedRole(policy: Policy, target: Target): DataRole | undefined {
  return target.enforcement === 'Observe' ? policy.roles.get(`${target.id}#writer`) : undefined;
}
