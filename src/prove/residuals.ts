// SPDX-License-Identifier: Apache-2.0
import { isSql } from '../compile/istio/mesh-context.ts';
import type { RuleReference } from '../model/decision.ts';
import type { Need } from '../model/request.ts';
import { whenText } from '../policy/condition-text.ts';
import { rightsTexts } from '../policy/needs.ts';
import type { Grant, Guardrails, Policy, Target } from '../policy/policy.ts';
import { OTHER } from '../policy/principal-atom.ts';
import { rulesOnTarget } from '../policy/rules-on-target.ts';
import type { DatabaseInput } from './database-input.ts';
import type { Declared } from './declared.ts';
import { reachText } from './declared-rights.ts';
import type { LeaseSet } from './lease-sets.ts';
import type { Admitted } from './mesh-question.ts';
import type { Residual } from './proof.ts';
import type { DatabaseOutcome } from './prove-database.ts';

type Line = Pick<Residual, 'text' | 'rules'>;

/** What only the gateway's check of each request holds. */
export function withoutGateway(
  policy: Policy,
  declared: Declared,
  sets: readonly LeaseSet[],
): readonly Residual[] {
  const { target } = declared;
  const { grants, denies } = rulesOnTarget(policy, target.id);
  const lines: Line[] = [
    ...grants.flatMap((grant) => conditional(grant, policy, declared)),
    ...denies
      .filter(({ when }) => when.length > 0)
      .map(({ rule, when }) => ({ text: `the Deny when ${whenText(when)}`, rules: [rule] })),
    ...limits(grants, policy),
    ...guardrails(grants, policy, target),
    ...togetherOnly(sets, declared),
  ];
  if (target.enforcement === 'Observe') {
    const text = 'nothing more: in Observe mode the gateway denies nobody anything';
    lines.push({ text, rules: [target.rule] });
  }
  return lines.map((line) => ({ ...line, without: 'gateway', target: target.id }));
}

/** What a Grant gives at times, the database gives for as long as the lease lives. */
function conditional(grant: Grant, policy: Policy, declared: Declared): readonly Line[] {
  if (grant.when.length === 0) return [];
  const given = declared.needs.filter((_, index) => declared.gives(grant, index));
  const rights = rightsTexts(given).join('; ');
  const role = policy.roles.get(grant.roles.get(declared.target.id) ?? '')?.name ?? '';
  const text = `${whenText(grant.when)}: role ${role}${rights === '' ? '' : ` (${rights})`} would hold always`;
  return [{ text, rules: [grant.rule] }];
}

function limits(grants: readonly Grant[], policy: Policy): readonly Line[] {
  const names = [...new Set(grants.flatMap(({ serviceClass }) => serviceClass ?? []))].sort();
  return names.flatMap((name) => {
    const found = policy.serviceClasses.get(name);
    if (!found) return [];
    const parts = Object.entries(found.limits).map(([limit, value]) => `${limit} ${value}`);
    return [
      { text: `the limits of ServiceClass ${name}: ${parts.join(', ')}`, rules: [found.rule] },
    ];
  });
}

function guardrails(grants: readonly Grant[], policy: Policy, target: Target): readonly Line[] {
  if (!isSql(target)) return [];
  const byText = new Map<string, RuleReference[]>();
  const ids = new Set(grants.flatMap(({ roles }) => roles.get(target.id) ?? []));
  for (const id of [...ids].sort()) {
    const role = policy.roles.get(id);
    if (!role) continue;
    const text = guardrailText(role.guardrails);
    if (text !== '') byText.set(text, [...(byText.get(text) ?? []), role.rule]);
  }
  return [...byText].map(([text, rules]) => ({ text: `guardrails: ${text}`, rules }));
}

function guardrailText({ requireWhere, multiStatement, localInfile }: Guardrails): string {
  const parts = [...requireWhere].sort().map((action) => `${action} needs a WHERE`);
  if (multiStatement === 'Deny') parts.push('one statement at a time');
  if (localInfile === 'Deny') parts.push('no LOAD DATA LOCAL');
  return parts.join(', ');
}

/** Rights that a lease holds and whose grants are never all there for one of its principals. */
function togetherOnly(sets: readonly LeaseSet[], declared: Declared): readonly Line[] {
  return sets.flatMap(({ members, declared: roles }) =>
    members.flatMap(({ atom, rules, reading }) => {
      const granted = rules.steps.flatMap((step) => step.grants);
      const never: Need[] = declared.needs.filter(
        (_, index) =>
          reading.needs[index] === 'never' && granted.some((one) => declared.gives(one, index)),
      );
      if (never.length === 0 || roles.length === 0) return [];
      const text = `${atom.text} never has ${rightsTexts(never).join('; ')}, and its lease would`;
      return [{ text, rules: granted.map(({ rule }) => rule) }];
    }),
  );
}

/** Whom the mesh lets through to a port although no target there has a Grant for him. */
export function behindMesh(admitted: Admitted): readonly Residual[] {
  const { place, strangers } = admitted;
  if (strangers.length === 0) return [];
  const text = `at ${place.text} the mesh also lets through ${strangersText(admitted)}: only the gateway turns them away`;
  return place.targets.map(({ id }) => ({ without: 'gateway', target: id, text, rules: [] }));
}

/** Of a namespace that is let in everybody is, whatever his name is. */
function strangersText({ grain, strangers }: Admitted): string {
  if (grain === 'identity') return strangers.map(({ text }) => text).join(', ');
  const namespaces = new Set(strangers.map(({ caller }) => caller.namespace));
  if (namespaces.has(OTHER)) return 'anybody, with a certificate or without';
  const names = [...namespaces].sort().join(', ');
  return `every other pod of the namespaces ${names}, with a certificate or without`;
}

/** What only the mesh holds. */
export function withoutMesh(target: Target, input: DatabaseInput | undefined): readonly Residual[] {
  const lines: Line[] = [];
  if ('pods' in target.system && target.system.pods) {
    const { namespace, port, rule } = target.system.pods;
    const text = `anybody who reaches the pods of ${namespace} may open port ${port} and try to log in`;
    lines.push({ text, rules: [rule] });
  }
  const operators = input?.scope.operators ?? [];
  if (operators.length > 0) {
    const text = `the declared operators (${operators.join(', ')}) log in from wherever their accounts allow`;
    lines.push({ text, rules: [target.rule] });
  }
  return lines.map((line) => ({ ...line, without: 'mesh', target: target.id }));
}

/** What only the database's own grants hold, and what not even they do. */
export function withoutDatabase(
  declared: Declared,
  sets: readonly LeaseSet[],
  outcome: DatabaseOutcome | undefined,
): readonly Residual[] {
  const { target } = declared;
  const lines: Line[] = [];
  if (sets.length > 0) {
    const roles = new Map(sets.flatMap((set) => set.declared.map((role) => [role.id, role])));
    const text = `objects, columns and actions would be what the gateway reads in each statement (${[...roles.keys()].sort().join(', ')})`;
    lines.push({ text, rules: [...roles.values()].map(({ rule }) => rule) });
  }
  const inside = new Set<string>();
  for (const { entry } of outcome?.behind ?? []) {
    const hop = entry.by.hops.find((one) => 'definer' in one);
    if (hop && 'definer' in hop) inside.add(`${hop.schema}.${hop.name} as ${hop.definer}`);
    else inside.add(reachText(entry.on, entry.columns));
  }
  for (const one of [...inside].sort()) {
    const text = `${one}: what it does inside is bounded by its own text, also now`;
    lines.push({ text, rules: [target.rule] });
  }
  return lines.map((line) => ({ ...line, without: 'database', target: target.id }));
}
