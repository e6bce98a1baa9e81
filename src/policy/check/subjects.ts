// SPDX-License-Identifier: Apache-2.0
import type { SubjectSpec } from '../document/subject.ts';
import type { IdentityProvider, SubjectMatcher } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { type Path, pathText } from '../source-tree.ts';
import { ciMatchers } from './ci-subject.ts';
import {
  type CheckContext,
  type Effect,
  type Report,
  reportUnknown,
  type SubjectPlace,
  silent,
} from './context.ts';
import { soleKey } from './material.ts';
import { principalKinds } from './providers.ts';
import { serviceAccountMatchers, spiffeMatchers, workloadMatchers } from './workload-subject.ts';

const SUBJECT_KEYS = [
  'user',
  'group',
  'appRole',
  'ci',
  'agent',
  'managedIdentity',
  'team',
  'membersOf',
  'workloadsOf',
  'workload',
  'serviceAccount',
  'spiffeId',
  'any',
] as const;
const MEMBER_KEYS = SUBJECT_KEYS.slice(0, 6);
const PERSON_KEYS = ['user', 'group', 'appRole'] as const;

/** The principals a subject means; empty when it means nobody, with a fault or finding. */
export function subjectMatchers(
  spec: SubjectSpec,
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  const key = soleKey(spec, SUBJECT_KEYS, path, place.report);
  if (key === undefined) return [];
  const at = [...path, key];
  if (spec.workload) return workloadMatchers(spec.workload, at, place);
  if (spec.serviceAccount) return serviceAccountMatchers(spec.serviceAccount, at, place);
  if (spec.spiffeId) return spiffeMatchers(spec.spiffeId, at, place);
  if (spec.any) return anyMatchers(spec.any, at, place);
  for (const list of ['team', 'membersOf', 'workloadsOf'] as const) {
    const team = spec[list];
    if (team !== undefined) return teamReference(team, list, at, place);
  }
  return memberMatchers(spec, path, place);
}

/** People, CI jobs and agents: what a Team may list as members. */
export function memberMatchers(
  spec: SubjectSpec,
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  const key = soleKey(spec, MEMBER_KEYS, path, place.report);
  const at = key === undefined ? path : [...path, key];
  if (spec.ci)
    return ciMatchers(spec.ci, at, place, knowsProvider(spec.ci.provider, 'ci', at, place));
  if (spec.agent) return agentMatchers(spec.agent, at, place);
  if (spec.managedIdentity) {
    const { provider, clientId } = spec.managedIdentity;
    if (!knowsProvider(provider, 'agent', at, place)) return [];
    return [{ kind: 'agent', provider, client: clientId }];
  }
  return personMatchers(spec, path, place);
}

type PersonSpec = Pick<SubjectSpec, (typeof PERSON_KEYS)[number]>;

function personMatchers(
  spec: PersonSpec,
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  if (spec.user) {
    const { provider, id } = spec.user;
    const at = [...path, 'user'];
    if (!knowsProvider(provider, 'user', at, place)) return [];
    checkId(provider, id, [...at, 'id'], place);
    return [{ kind: 'user', provider, id }];
  }
  if (spec.group) return groupMatchers(spec.group, [...path, 'group'], place);
  if (spec.appRole) {
    const { provider, value } = spec.appRole;
    const at = [...path, 'appRole'];
    if (!knowsProvider(provider, ['user', 'agent'], at, place)) return [];
    requireClaim(provider, 'roles', at, place);
    refuseWildcard(value, [...at, 'value'], place);
    return [{ kind: 'appRole', provider, value }];
  }
  return [];
}

function groupMatchers(
  { provider, id, displayName }: NonNullable<SubjectSpec['group']>,
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  const known = knowsProvider(provider, 'user', path, place);
  if (id === undefined) {
    const where = pathText(path);
    if (displayName === undefined) place.report(path, 'key-missing', { where, key: 'id' });
    else {
      const facts = { where, name: displayName };
      place.report([...path, 'displayName'], 'display-name', facts);
    }
    return [];
  }
  if (!known) return [];
  requireClaim(provider, 'groups', path, place);
  checkId(provider, id, [...path, 'id'], place);
  return [{ kind: 'group', provider, id, ...(displayName !== undefined && { displayName }) }];
}

function agentMatchers(
  { provider, client, onBehalfOf }: NonNullable<SubjectSpec['agent']>,
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  refuseWildcard(client, [...path, 'client'], place);
  if (!knowsProvider(provider, 'agent', path, place)) return [];
  if (onBehalfOf === undefined) return [{ kind: 'agent', provider, client }];
  const at = [...path, 'onBehalfOf'];
  if (soleKey(onBehalfOf, PERSON_KEYS, at, place.report) === undefined) return [];
  return personMatchers(onBehalfOf, at, place).map((person) => ({
    kind: 'agent',
    provider,
    client,
    onBehalfOf: person,
  }));
}

function anyMatchers(
  of: NonNullable<SubjectSpec['any']>,
  path: Path,
  { effect, report }: SubjectPlace,
): readonly SubjectMatcher[] {
  if (effect === 'deny') return [{ kind: 'any', of }];
  report(path, 'wildcard-refused', {
    where: pathText(path),
    problem: 'a Grant must name who it is for',
    suggestion: 'Name a group, a Team or workloads; "any" is for a Deny.',
  });
  return [];
}

function teamReference(
  name: string,
  key: 'team' | 'membersOf' | 'workloadsOf',
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  const { context, report, effect } = place;
  const teams = context.documents.of('Team');
  const team = teams.find((one) => one.name === name);
  if (team === undefined) {
    reportUnknown(
      context,
      report,
      path,
      'Team',
      name,
      teams.map((one) => one.name),
    );
    return [];
  }
  const members = key === 'workloadsOf' ? [] : teamMembers(team, context, effect, silent);
  const workloads = key === 'membersOf' ? [] : teamWorkloads(team, context, effect, silent);
  // An entry that selects nobody was reported where it stands.
  const lists = {
    membersOf: ['members'],
    workloadsOf: ['workloads'],
    team: ['members', 'workloads'],
  } as const;
  const named = lists[key];
  if (named.every((list) => team.spec[list].length === 0) && team.pruned.length === 0) {
    const problem = `the Team ${name} has no ${named.join(' and no ')}`;
    report(path, 'subject-selects-nothing', { problem });
  }
  return [...members, ...workloads];
}

export function teamMembers(
  team: ShapedDocument<'Team'>,
  context: CheckContext,
  effect: Effect,
  report: Report,
): readonly SubjectMatcher[] {
  return team.spec.members.flatMap((member, index) =>
    memberMatchers(member, ['spec', 'members', index], { context, report, effect }),
  );
}

export function teamWorkloads(
  team: ShapedDocument<'Team'>,
  context: CheckContext,
  effect: Effect,
  report: Report,
): readonly SubjectMatcher[] {
  return team.spec.workloads.flatMap((workload, index) =>
    workloadMatchers(workload, ['spec', 'workloads', index], { context, report, effect }),
  );
}

type ProviderKind = 'user' | 'ci' | 'agent';

/** The provider exists and its tokens can be of that kind. */
function knowsProvider(
  name: string,
  wanted: ProviderKind | readonly ProviderKind[],
  path: Path,
  { context, report }: SubjectPlace,
): boolean {
  const provider = context.providers.get(name);
  const at = [...path, 'provider'];
  if (provider === undefined) {
    reportUnknown(context, report, at, 'IdentityProvider', name, context.providers.keys());
    return false;
  }
  const kinds: readonly string[] = principalKinds(provider);
  const asked: readonly string[] = typeof wanted === 'string' ? [wanted] : wanted;
  if (asked.some((kind) => kinds.includes(kind))) return true;
  const suggestion =
    kinds.length > 0
      ? `Its tokens stand for: ${kinds.join(', ')}.`
      : 'Service accounts are named by "workload" or "serviceAccount".';
  report(at, 'provider-kind', { provider: name, kind: asked.join(' or '), suggestion });
  return false;
}

/** The provider's tokens say which groups or application roles their holder has. */
function requireClaim(
  name: string,
  claim: 'groups' | 'roles',
  path: Path,
  { context, report }: SubjectPlace,
): void {
  const provider = context.providers.get(name);
  if (provider === undefined || provider.claims[claim] !== undefined) return;
  report([...path, 'provider'], 'provider-claim', {
    provider: name,
    what: claim === 'groups' ? 'groups' : 'application roles',
    suggestion:
      provider.preset === 'generic'
        ? `Name the claim in the provider: "oidc: {claims: {${claim}: ...}}".`
        : 'Use a group or a user of this provider.',
  });
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Ids of users and groups must be ones that are never given to somebody else. */
function checkId(provider: string, id: string, path: Path, place: SubjectPlace): void {
  if (refuseWildcard(id, path, place)) return;
  const { preset }: Pick<IdentityProvider, 'preset'> = place.context.providers.get(provider) ?? {
    preset: 'generic',
  };
  const facts = { where: pathText(path), name: id };
  if (preset === 'entra') {
    if (!GUID.test(id)) place.report(path, 'display-name', facts);
  } else if (/[\s@]/.test(id)) {
    place.report(path, 'mutable-identifier', facts);
  }
}

function refuseWildcard(value: string, path: Path, { report }: SubjectPlace): boolean {
  if (!value.includes('*')) return false;
  report(path, 'wildcard-refused', {
    where: pathText(path),
    problem: `${value} has a wildcard, and an identity is compared as a whole`,
    suggestion: 'Name it in full, or use a group.',
  });
  return true;
}
