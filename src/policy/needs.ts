// SPDX-License-Identifier: Apache-2.0
import type { DataObject, Need } from '../model/request.ts';
import type { DataRole, Policy } from './policy.ts';
import { OTHER_TABLE } from './question.ts';
import { offeredObjects } from './role-coverage.ts';
import { rulesOnTarget } from './rules-on-target.ts';

/** Every right on a target that its rules tell apart; the tables no rule names are one table. */
export function distinguishedNeeds(policies: readonly Policy[], targetId: string): readonly Need[] {
  const roles = policies.flatMap((policy) => rulesOnTarget(policy, targetId).roles);
  const objects = new Map<string, DataObject>();
  for (const object of roles.flatMap(objectsOf)) objects.set(JSON.stringify(object), object);
  const actions = new Set(
    roles.flatMap(({ privileges }) => privileges.flatMap((one) => [...one.actions])),
  );
  return [...objects.values()].flatMap((object) =>
    [...actions].map((action) => ({ action, object })),
  );
}

function objectsOf(role: DataRole): readonly DataObject[] {
  return role.privileges.flatMap(offeredObjects).flatMap((object): readonly DataObject[] => {
    const { schema } = object;
    if (object.type !== 'schema') return [{ type: object.type, schema, name: object.name }];
    return [
      { type: 'schema', schema },
      { type: 'table', schema, name: OTHER_TABLE },
    ];
  });
}

/** `select, insert on shop.orders; select on shop.*`: rights in few words. */
export function rightsTexts(needs: readonly (Need | undefined)[]): readonly string[] {
  const actionsByObject = new Map<string, string[]>();
  const whole = wholeSchemas(needs);
  for (const need of needs) {
    if (!need) continue;
    const { action, object } = need;
    const covered = object.type !== 'routine' && whole.has(`${action} ${object.schema}`);
    const name = covered || object.type === 'schema' ? '*' : object.name;
    const text = `${object.schema}.${name}${object.type === 'routine' ? '()' : ''}`;
    const actions = actionsByObject.get(text) ?? [];
    if (!actions.includes(action)) actionsByObject.set(text, [...actions, action]);
  }
  const objectsByActions = new Map<string, string[]>();
  for (const [object, actions] of actionsByObject) {
    const key = actions.sort().join(', ');
    objectsByActions.set(key, [...(objectsByActions.get(key) ?? []), object]);
  }
  const texts = [...objectsByActions].map(
    ([actions, objects]) => `${actions} on ${objects.sort().join(', ')}`,
  );
  return texts.length === 0 && needs.includes(undefined) ? ['connect'] : texts.sort();
}

function wholeSchemas(needs: readonly (Need | undefined)[]): ReadonlySet<string> {
  return new Set(
    needs.flatMap((need) =>
      need?.object.type === 'table' && need.object.name === OTHER_TABLE
        ? [`${need.action} ${need.object.schema}`]
        : [],
    ),
  );
}
