// SPDX-License-Identifier: Apache-2.0
import type { DriftFinding } from './drift.ts';
import { objectKey } from './object.ts';
import type { ObjectStep } from './plan.ts';

/**
 * Steps that make us a holder again of fields that are as declared and that others alone hold. No
 * plan has them: there is nothing to change.
 */
export function takenBack(
  found: readonly DriftFinding[],
  planned: readonly ObjectStep[],
): readonly ObjectStep[] {
  const known = new Set(planned.map(({ reference }) => objectKey(reference)));
  return found.flatMap(({ kind, reference, rules, desired, observed }): ObjectStep[] => {
    if (kind !== 'field-taken' || known.has(objectKey(reference)) || !desired) return [];
    const uid = observed?.metadata.uid ?? '';
    return [{ action: 'update', reference, rules, object: desired, uid, changes: [] }];
  });
}
