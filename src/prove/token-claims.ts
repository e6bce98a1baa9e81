// SPDX-License-Identifier: Apache-2.0
import { CI_CLAIMS, type CiField } from '../compile/istio/token-condition.ts';
import type { JsonValue } from '../compile/kube/object.ts';
import type { CiPrincipal, Principal } from '../model/principal.ts';
import type { IdentityProvider, Policy } from '../policy/policy.ts';
import type { MeshToken } from './mesh/mesh-call.ts';

/** Whom a token is about where no claim that the declaration reads says it. */
export const SOME_SUBJECT = 'somebody';

/** The tokens by which the gateway would take somebody for this principal: one per issuer. */
export function tokensOf(principal: Principal, policy: Policy): readonly MeshToken[] {
  if (!('provider' in principal)) return [];
  const provider = policy.providers.get(principal.provider);
  const claims = provider && claimsOf(principal, provider);
  if (!provider || !claims) return [];
  const base = {
    // Every token has one, also where another claim says who it is.
    sub: SOME_SUBJECT,
    ...claims,
    aud: provider.audiences[0] ?? '',
    ...(provider.tenant !== undefined && { tid: provider.tenant }),
  };
  return provider.issuers.map((issuer) => ({
    issuer,
    claims: { ...base, iss: issuer },
    verifies: true,
  }));
}

function claimsOf(
  principal: Principal,
  provider: IdentityProvider,
): Record<string, JsonValue> | undefined {
  const { subject, groups, roles } = provider.claims;
  switch (principal.kind) {
    case 'workload':
      return undefined;
    case 'user':
      return {
        [subject]: principal.subject,
        ...(groups !== undefined && { [groups]: [...principal.groups.ids] }),
        ...(roles !== undefined && { [roles]: [...principal.appRoles] }),
      };
    case 'ci':
      return ciClaims(principal, provider);
    case 'agent': {
      // A token for a person names the application beside him.
      const person = principal.onBehalfOf ? claimsOf(principal.onBehalfOf, provider) : {};
      const own = roles === undefined ? {} : { [roles]: [...principal.appRoles] };
      return person && { ...own, ...person, azp: principal.client };
    }
  }
}

function ciClaims(ci: CiPrincipal, provider: IdentityProvider): Record<string, JsonValue> {
  const names = CI_CLAIMS[provider.preset] ?? {};
  const claims: Record<string, JsonValue> = { sub: `ci:${ci.repository}` };
  const fields: readonly CiField[] = [
    'ownerId',
    'repositoryId',
    'repository',
    'environment',
    'ref',
  ];
  for (const field of fields) {
    const [claim, value] = [names[field], ci[field]];
    if (claim !== undefined && value !== undefined) claims[claim] = value;
  }
  return claims;
}
