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
  project_path: claimText.regex(/^[^\s@]+\/[^\s@]+$/, 'is not group/project'),
  project_id: claimText,
  namespace_id: claimText,
  ref: claimText,
  ref_type: z.enum(['branch', 'tag']),
  environment: environmentText.optional(),
});

/**
 * GitLab CI id tokens. `ref` alone is ambiguous there (a tag may be called `main`), so the full
 * reference is rebuilt from `ref_type`. With a merge request from a fork, the ids are the fork's.
 */
export function gitlab(claims: Claims, provider: IdentityProvider): Description {
  const read = readClaims(schema, claims, 'a GitLab CI token');
  if (!read.ok) return read;
  const { project_path, environment, ref_type } = read.claims;
  const ref = `refs/${ref_type === 'tag' ? 'tags' : 'heads'}/${read.claims.ref}`;
  return described({
    kind: 'ci',
    id: ciId(provider.name, project_path, { environment, ref }),
    provider: provider.name,
    repository: project_path,
    ownerId: read.claims.namespace_id,
    repositoryId: read.claims.project_id,
    ref,
    ...(environment !== undefined && { environment }),
  });
}
