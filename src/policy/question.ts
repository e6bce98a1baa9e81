// SPDX-License-Identifier: Apache-2.0
import type { DataObject, Need } from '../model/request.ts';
import type { RequestQuestion } from './judge.ts';
import type { Policy } from './policy.ts';
import { offeredObjects } from './role-coverage.ts';
import { rulesOnTarget } from './rules-on-target.ts';

/** Stands for every table of a schema that no rule names. */
export const OTHER_TABLE = 'any_other_table';

/** The question whether a right is there at all: nothing in it that a guardrail would stop. */
export function needQuestion(need: Need): RequestQuestion {
  return {
    kind: 'select',
    needs: [need],
    features: {
      hasWhere: true,
      localInfile: false,
      multiStatement: false,
      mayHoldCredentials: false,
    },
  };
}

/** The same rules with every Target in Enforce mode: what they say, not what is done about it. */
export function asEnforced(policy: Policy): Policy {
  const targets = [...policy.targets].map(
    ([id, target]) => [id, { ...target, enforcement: 'Enforce' as const }] as const,
  );
  return { ...policy, targets: new Map(targets) };
}

/** Tables that rules name in a schema, and one for all the others. */
export function objectsWithin(
  schema: string,
  policy: Policy,
  targetId: string,
): readonly DataObject[] {
  const named = rulesOnTarget(policy, targetId)
    .roles.flatMap(({ privileges }) => privileges.flatMap(offeredObjects))
    .filter((object) => object.type === 'table' && object.schema === schema);
  return [...named, { type: 'table', schema, name: OTHER_TABLE }];
}
