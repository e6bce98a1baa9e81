// SPDX-License-Identifier: Apache-2.0
import { ciAtoms } from './ci-atoms.ts';
import type { Policy, SubjectMatcher } from './policy.ts';
import { atom, OTHER, ofKind, type PrincipalAtom, type TargetRules } from './principal-atom.ts';
import { rulesOnTarget } from './rules-on-target.ts';
import { workloadAtoms } from './workload-atoms.ts';

export function targetRules(policies: readonly Policy[], targetId: string): TargetRules {
  const subjects = (rules: 'grants' | 'denies') =>
    policies.flatMap((policy) =>
      rulesOnTarget(policy, targetId)[rules].flatMap((rule) => rule.subjects),
    );
  return { policies, grantSubjects: subjects('grants'), denySubjects: subjects('denies') };
}

/**
 * Principals such that two policies differ for somebody only if they differ for one of these
 * (attributes that `when` reads are varied separately). Somebody who gains matches a subject of a
 * Grant and perhaps of a Deny of the other policy, and as little else as possible: so each atom
 * is the least that one Grant subject, or one together with one Deny subject, asks for. Names that
 * no rule mentions are all alike, and one stands for them.
 */
export function principalAtoms(rules: TargetRules): readonly PrincipalAtom[] {
  const people = userAtoms(rules);
  const all = [
    ...workloadAtoms(rules),
    ...people,
    ...ciAtoms(rules),
    ...agentAtoms(rules),
    ...delegationAtoms(rules, people),
    ...anybodyAtoms(rules),
  ];
  const unique = new Map(all.map((atom) => [[...atom.parts].sort().join('\0'), atom]));
  return [...unique.values()].sort((a, b) => a.parts.size - b.parts.size);
}

/** Subjects that speak of the person an agent acts for. */
function personSubjects(subjects: readonly SubjectMatcher[]): readonly SubjectMatcher[] {
  return ofKind(subjects, 'agent').flatMap(({ onBehalfOf }) => onBehalfOf ?? []);
}

interface Membership {
  readonly group?: string;
  readonly appRole?: string;
  readonly text: string;
}

function userAtoms(rules: TargetRules): readonly PrincipalAtom[] {
  const granted = [...rules.grantSubjects, ...personSubjects(rules.grantSubjects)];
  const denied = [...rules.denySubjects, ...personSubjects(rules.denySubjects)];
  const all = [...granted, ...denied];
  const named = [...ofKind(all, 'user'), ...ofKind(all, 'group'), ...ofKind(all, 'appRole')];
  const providers = new Set(named.map(({ provider }) => provider));
  return [...providers].flatMap((provider) => {
    const users = ofKind(all, 'user').filter((one) => one.provider === provider);
    const ids = new Set([OTHER, ...users.map(({ id }) => id)]);
    const sets = membershipSets(granted, denied, provider);
    return [...ids].flatMap((id) =>
      // A named person in two named groups is more than a Grant and a Deny can ask for.
      sets
        .filter((set) => id === OTHER || set.length < 2)
        .flatMap((set) => userAtom(provider, id, set, rules.policies)),
    );
  });
}

function membershipSets(
  granted: readonly SubjectMatcher[],
  denied: readonly SubjectMatcher[],
  provider: string,
): readonly (readonly Membership[])[] {
  const some = memberships([...granted, ...denied], provider);
  const deniedOnes = memberships(denied, provider);
  const pairs = some.flatMap((one) =>
    deniedOnes.filter(({ text }) => text !== one.text).map((other) => [one, other]),
  );
  return [[], ...some.map((one) => [one]), ...pairs];
}

function memberships(subjects: readonly SubjectMatcher[], provider: string): readonly Membership[] {
  const groups = ofKind(subjects, 'group')
    .filter((one) => one.provider === provider)
    .map(({ id }) => ({ group: id, text: `group ${provider}/${id}` }));
  const appRoles = ofKind(subjects, 'appRole')
    .filter((one) => one.provider === provider)
    .map(({ value }) => ({ appRole: value, text: `app role ${provider}/${value}` }));
  return [...new Map([...groups, ...appRoles].map((one) => [one.text, one])).values()];
}

function userAtom(
  provider: string,
  id: string,
  set: readonly Membership[],
  policies: readonly Policy[],
): readonly PrincipalAtom[] {
  const who = `user/${provider}/${id === OTHER ? '*' : id}`;
  const texts = set.map(({ text }) => text);
  const details = {
    groups: set.flatMap(({ group }) => group ?? []),
    appRoles: set.flatMap(({ appRole }) => appRole ?? []),
  };
  const text = texts.length === 0 ? who : `${who} in ${texts.sort().join(' and ')}`;
  const parts = ['user', provider, ...(id === OTHER ? [] : [`id ${id}`]), ...texts];
  return atom(`user/${provider}/${id}`, details, policies, text, parts);
}

function agentAtoms(rules: TargetRules): readonly PrincipalAtom[] {
  const all = [...rules.grantSubjects, ...rules.denySubjects];
  const agents = ofKind(all, 'agent');
  const roles = ofKind(all, 'appRole');
  const providers = new Set([...agents, ...roles].map(({ provider }) => provider));
  return [...providers].flatMap((provider) => {
    const named = agents.filter((one) => one.provider === provider);
    const clients = new Set([OTHER, ...named.map(({ client }) => client)]);
    const values = roles.filter((one) => one.provider === provider).map(({ value }) => value);
    return [...clients].flatMap((client) =>
      [undefined, ...new Set(values)].flatMap((value) => {
        const who = `agent/${provider}/${client === OTHER ? '*' : client}`;
        const role = value === undefined ? [] : [`app role ${provider}/${value}`];
        const text = [who, ...role].join(' with ');
        const details = { appRoles: value === undefined ? [] : [value] };
        const itself = client === OTHER ? [] : [`client ${client}`];
        const parts = ['agent', provider, ...itself, ...role];
        return atom(`agent/${provider}/${client}`, details, rules.policies, text, parts);
      }),
    );
  });
}

/** For a Deny that means a whole kind: one of it for each cluster or provider that can vouch. */
function anybodyAtoms({ denySubjects, policies }: TargetRules): readonly PrincipalAtom[] {
  const kinds = new Set(ofKind(denySubjects, 'any').map((one) => one.of));
  const keys = (maps: readonly ReadonlyMap<string, unknown>[]) =>
    new Set(maps.flatMap((map) => [...map.keys()]));
  return [...kinds].flatMap((kind) => {
    if (kind === 'workload') {
      return [...keys(policies.map(({ clusters }) => clusters))].flatMap((cluster) =>
        atom(`workload/${cluster}/${OTHER}/${OTHER}`, {}, policies, `workload/${cluster}/*/*`, [
          'workload',
          `cluster ${cluster}`,
        ]),
      );
    }
    return [...keys(policies.map(({ providers }) => providers))].flatMap((provider) =>
      atom(`${kind}/${provider}/${OTHER}`, {}, policies, `${kind}/${provider}/*`, [kind, provider]),
    );
  });
}

/** Agents named as acting for somebody, each acting for each person. */
function delegationAtoms(
  rules: TargetRules,
  people: readonly PrincipalAtom[],
): readonly PrincipalAtom[] {
  const all = [...rules.grantSubjects, ...rules.denySubjects];
  if (personSubjects(all).length === 0) return [];
  return agentAtoms(rules).flatMap((agent) =>
    people.map((person) => ({
      principal: { ...agent.principal, onBehalfOf: person.principal },
      text: `${agent.text} for ${person.text}`,
      parts: new Set([...agent.parts, 'for', ...[...person.parts].map((part) => `for ${part}`)]),
    })),
  );
}
