// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { IdentityProvider } from '../../policy/policy.ts';
import type { Claims } from '../unverified-token.ts';
import {
  ciId,
  claimText,
  type Description,
  described,
  environmentText,
  readClaims,
} from './preset.ts';

const schema = z.object({
  repository: claimText.regex(/^[\w.-]+\/[\w.-]+$/, 'is not owner/name'),
  repository_id: claimText,
  repository_owner_id: claimText,
  ref: claimText,
  environment: environmentText.optional(),
});

/** GitHub Actions. `sub` can be customised per repository, so single claims are used instead. */
export function github(claims: Claims, provider: IdentityProvider): Description {
  const read = readClaims(schema, claims, 'a GitHub Actions token');
  if (!read.ok) return read;
  const { repository, environment, ref } = read.claims;
  return described({
    kind: 'ci',
    id: ciId(provider.name, repository, { environment, ref }),
    provider: provider.name,
    repository,
    ownerId: read.claims.repository_owner_id,
    repositoryId: read.claims.repository_id,
    ref,
    ...(environment !== undefined && { environment }),
  });
}
