// SPDX-License-Identifier: Apache-2.0
import type { Policy } from '../policy/policy.ts';
import type { Lookout } from './drift-monitor.ts';
import { examineTarget } from './examine-target.ts';

/** The databases that a gateway can look at: those with a reader account. */
export function databaseLookouts(policy: Policy): readonly Lookout[] {
  return [...policy.targets.values()]
    .filter(({ system }) => system.type === 'mariadb' && system.reader !== undefined)
    .map((target) => ({
      layer: 'database',
      where: target.id,
      examine: () => examineTarget(policy, target),
    }));
}
