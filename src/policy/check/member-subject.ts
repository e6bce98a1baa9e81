// SPDX-License-Identifier: Apache-2.0
import type { SubjectSpec } from '../document/subject.ts';
import type { SubjectMatcher } from '../policy.ts';
import { type Path, pathText } from '../source-tree.ts';
import { ciMatchers } from './ci-subject.ts';
import type { SubjectPlace } from './context.ts';
import { soleKey } from './material.ts';
import { checkId, knowsProvider, refuseWildcard, requireClaim } from './provider-reference.ts';

const PERSON_KEYS = ['user', 'group', 'appRole'] as const;
/** What a Team may list as members. */
export const MEMBER_KEYS = [...PERSON_KEYS, 'ci', 'agent', 'managedIdentity'] as const;

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
