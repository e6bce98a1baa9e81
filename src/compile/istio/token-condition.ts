// SPDX-License-Identifier: Apache-2.0
import type { IdentityProvider, OidcPreset, SubjectMatcher } from '../../policy/policy.ts';

type CiSubject = Extract<SubjectMatcher, { kind: 'ci' }>;
export type CiField = 'ownerId' | 'repositoryId' | 'repository' | 'environment' | 'ref';
type Clause = readonly [claim: string, value: string];

/** The mesh cannot express it; why, for the person who wrote it. */
export interface Inexpressible {
  readonly problem: string;
}

/** `when` of a rule: all of them must hold. Several lists: any one of them. */
export type TokenConditions = readonly (readonly {
  readonly key: string;
  readonly values: readonly string[];
}[])[];

/** Claims by immutable id first, as the gateway reads them. */
export const CI_CLAIMS: Partial<Record<OidcPreset, Partial<Record<CiField, string>>>> = {
  github: {
    ownerId: 'repository_owner_id',
    repositoryId: 'repository_id',
    repository: 'repository',
    environment: 'environment',
    ref: 'ref',
  },
  gitlab: {
    ownerId: 'namespace_id',
    repositoryId: 'project_id',
    repository: 'project_path',
    environment: 'environment',
  },
  'azure-devops': { ownerId: 'org_id', repositoryId: 'rpo_id', ref: 'rpo_ref' },
};

/**
 * A subject that shows a token, as tests of verified claims. `requestPrincipals` is of no use: it
 * is cut at the last slash, which CI subjects and issuers that are addresses contain.
 */
export function tokenConditions(
  subject: SubjectMatcher,
  provider: IdentityProvider,
): TokenConditions | Inexpressible {
  const alternatives = clausesOf(subject, provider);
  if ('problem' in alternatives) return alternatives;
  const values = alternatives.flat().map(([, value]) => value);
  const star = subject.kind === 'ci' ? undefined : values.find(isPattern);
  if (star !== undefined) return { problem: `the value ${star} would be read as a pattern` };
  const issuer = { key: 'request.auth.claims[iss]', values: provider.issuers };
  return alternatives.map((clauses) => [
    issuer,
    ...clauses.map(([claim, value]) => ({ key: `request.auth.claims[${claim}]`, values: [value] })),
  ]);
}

const isPattern = (value: string): boolean => value.startsWith('*') || value.endsWith('*');

function clausesOf(
  subject: SubjectMatcher,
  provider: IdentityProvider,
): readonly (readonly Clause[])[] | Inexpressible {
  const { claims, tenant } = provider;
  const base: readonly Clause[] =
    provider.preset === 'entra' && tenant !== undefined ? [['tid', tenant]] : [];
  switch (subject.kind) {
    case 'user':
      return [[...base, [claims.subject, subject.id]]];
    case 'group':
      if (claims.groups === undefined) return { problem: 'its tokens name no groups' };
      return [[...base, [claims.groups, subject.id]]];
    case 'appRole':
      if (claims.roles === undefined) return { problem: 'its tokens name no application roles' };
      return [[...base, [claims.roles, subject.value]]];
    case 'ci':
      return ciClauses(subject, provider.preset);
    case 'agent': {
      if (provider.preset !== 'entra') return { problem: 'no claim of its tokens names the agent' };
      const person = subject.onBehalfOf ? clausesOf(subject.onBehalfOf, provider) : [base];
      if ('problem' in person) return person;
      // Version 1 tokens say appid, version 2 tokens azp.
      return person.flatMap((clauses) => [
        [...clauses, ['appid', subject.client] as const],
        [...clauses, ['azp', subject.client] as const],
      ]);
    }
    default:
      return { problem: 'it is not told by a token' };
  }
}

function ciClauses(
  subject: CiSubject,
  preset: OidcPreset,
): readonly (readonly Clause[])[] | Inexpressible {
  const names = CI_CLAIMS[preset];
  const clauses: Clause[] = [];
  for (const field of ['ownerId', 'repositoryId', 'repository', 'environment', 'ref'] as const) {
    const wanted = subject[field];
    if (wanted === undefined) continue;
    const claim = names?.[field];
    if (claim === undefined) return { problem: `no claim of its tokens is its ${field}` };
    const value = typeof wanted === 'string' ? wanted : wanted.value;
    if (isPattern(value)) return { problem: `the value ${value} would be read as a pattern` };
    clauses.push([claim, typeof wanted === 'string' ? value : patternOf(wanted)]);
  }
  return [clauses];
}

function patternOf({ match, value }: NonNullable<CiSubject['ref']>): string {
  if (match === 'exact') return value;
  return match === 'prefix' ? `${value}*` : `*${value}`;
}
