// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { IdentityProvider } from '../../policy/policy.ts';
import type { Claims } from '../unverified-token.ts';
import {
  ciId,
  claimList,
  claimText,
  type Description,
  described,
  environmentText,
  firstText,
  readClaims,
} from './preset.ts';

const optionalList = claimList.optional();

/** Any other OpenID provider: the declaration says which claim is what. */
export function generic(claims: Claims, provider: IdentityProvider): Description {
  const names = provider.claims;
  const schema = z.object({
    [names.subject]: claimText,
    ...(names.groups !== undefined && { [names.groups]: optionalList }),
    ...(names.roles !== undefined && { [names.roles]: optionalList }),
  });
  const read = readClaims(schema, claims, `provider ${provider.name}`);
  if (!read.ok) return read;
  const subject = claimText.parse(claims[names.subject]);
  const appRoles = new Set(list(claims, names.roles));
  const about = { provider: provider.name };
  if (provider.makes === 'agent') {
    const id = `agent/${provider.name}/${subject}`;
    return described({ kind: 'agent', id, ...about, client: subject, appRoles });
  }
  if (provider.makes === 'ci') return ciJob(claims, provider, subject);
  const groups = list(claims, names.groups);
  const displayName = firstText(claims, ['preferred_username', 'email', 'name']);
  return described({
    kind: 'user',
    id: `user/${provider.name}/${subject}`,
    ...about,
    subject,
    groups: { ids: new Set(groups), incomplete: groups === undefined },
    appRoles,
    ...(displayName !== undefined && { displayName }),
  });
}

/** Forges that follow GitHub's claim names (Gitea, Forgejo) fill the rest. */
const job = z.object({
  repository_id: claimText.optional(),
  repository_owner_id: claimText.optional(),
  environment: environmentText.optional(),
  ref: claimText.optional(),
});

function ciJob(claims: Claims, provider: IdentityProvider, repository: string): Description {
  const read = readClaims(job, claims, `provider ${provider.name}`);
  if (!read.ok) return read;
  const { repository_id, repository_owner_id, environment, ref } = read.claims;
  return described({
    kind: 'ci',
    id: ciId(provider.name, repository, { environment, ref }),
    provider: provider.name,
    repository,
    ...(repository_owner_id !== undefined && { ownerId: repository_owner_id }),
    ...(repository_id !== undefined && { repositoryId: repository_id }),
    ...(environment !== undefined && { environment }),
    ...(ref !== undefined && { ref }),
  });
}

/** Undefined when the declaration names no such claim or the token has none. */
function list(claims: Claims, name: string | undefined): readonly string[] | undefined {
  return name === undefined ? undefined : optionalList.parse(claims[name]);
}
