// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { IdentityProvider } from '../../policy/policy.ts';
import { quote } from '../result.ts';
import type { Claims } from '../unverified-token.ts';
import {
  ciId,
  claimText,
  type Description,
  described,
  environmentText,
  readClaims,
  wrongClaims,
} from './preset.ts';

const schema = z.object({
  iss: z.string(),
  sub: claimText,
  org_id: claimText.optional(),
  rpo_id: claimText.optional(),
  rpo_ref: claimText.optional(),
});

/** `sc://org/project/connection` or `p://org/project/pipeline`; the last name may hold slashes. */
const SUBJECT = /^(sc|p):\/\/([^/@]+\/[^/@]+)\/(.+)$/;
const ORGANIZATION_ISSUER = /^https:\/\/vstoken\.dev\.azure\.com\/([0-9a-f-]{36})$/;

/**
 * Azure Pipelines. A service connection is what approvals and checks hang on, so it takes the
 * place of an environment. A pipeline's own token has the reference instead; its name and
 * definition are in the claims `sub` and `def_id`.
 */
export function azureDevops(claims: Claims, provider: IdentityProvider): Description {
  const read = readClaims(schema, claims, 'an Azure Pipelines token');
  if (!read.ok) return read;
  const { iss, sub, rpo_id: repositoryId, rpo_ref: ref } = read.claims;
  const [, kind, repository, name] = SUBJECT.exec(sub) ?? [];
  if (repository === undefined || name === undefined) {
    return wrongClaims(
      `sub is ${quote(sub)}, not sc://org/project/connection or p://org/project/pipeline`,
    );
  }
  const environment = kind === 'sc' ? name : undefined;
  if (environment !== undefined && !environmentText.safeParse(environment).success) {
    return wrongClaims(`the service connection ${quote(name)} cannot be told from a reference`);
  }
  if (environment === undefined && ref === undefined) {
    return wrongClaims('a pipeline token needs its branch or tag (rpo_ref)');
  }
  const ownerId = read.claims.org_id ?? ORGANIZATION_ISSUER.exec(iss)?.[1];
  return described({
    kind: 'ci',
    id: ciId(provider.name, repository, { environment, ref }),
    provider: provider.name,
    repository,
    ...(ownerId !== undefined && { ownerId }),
    ...(repositoryId !== undefined && { repositoryId }),
    ...(environment !== undefined && { environment }),
    ...(ref !== undefined && { ref }),
  });
}
