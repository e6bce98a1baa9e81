// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { GroupMembership } from '../../model/principal.ts';
import type { IdentityProvider } from '../../policy/policy.ts';
import { quote } from '../result.ts';
import type { Claims } from '../unverified-token.ts';
import {
  claimList,
  claimText,
  type Description,
  described,
  firstText,
  readClaims,
  wrongClaims,
} from './preset.ts';

const schema = z.object({
  tid: claimText,
  oid: claimText,
  idtyp: z.string().optional(),
  scp: z.string().optional(),
  appid: claimText.optional(),
  azp: claimText.optional(),
  groups: claimList.optional(),
  hasgroups: z.unknown().optional(),
  _claim_names: z.unknown().optional(),
  roles: claimList.default([]),
});
type EntraClaims = z.output<typeof schema>;

/** Names people recognise; all of them can be changed, so none of them is ever an id. */
const NAMES = ['preferred_username', 'unique_name', 'upn', 'name'];

/**
 * Entra ID access tokens, version 1 (`appid`, sts.windows.net) and 2 (`azp`, .../v2.0). People are
 * known by tenant and object id; `sub` differs per application. An application's own token has
 * `idtyp: app`, or no `scp` beside a client id, because only tokens of people carry scopes.
 */
export function entra(claims: Claims, provider: IdentityProvider): Description {
  const read = readClaims(schema, claims, 'an Entra token');
  if (!read.ok) return read;
  const { tid, oid, idtyp, scp, appid, azp } = read.claims;
  if (tid !== provider.tenant) {
    const wanted = quote(provider.tenant ?? 'none');
    return wrongClaims(`tenant (tid) is ${quote(tid)}, this provider is tenant ${wanted}`);
  }
  if (appid !== undefined && azp !== undefined && appid !== azp) {
    return wrongClaims('appid and azp name different applications');
  }
  const client = azp ?? appid;
  const isApplication = idtyp === 'app' || (idtyp === undefined && !scp && client !== undefined);
  const appRoles = new Set(read.claims.roles);
  if (isApplication) {
    if (scp)
      return wrongClaims('an application token (idtyp app) has no scopes (scp), this one has');
    if (client === undefined) return wrongClaims('an application token needs appid or azp');
    const id = `agent/${provider.name}/${client}`;
    return described({ kind: 'agent', id, provider: provider.name, client, appRoles });
  }
  const displayName = firstText(claims, NAMES);
  return described({
    kind: 'user',
    id: `user/${provider.name}/${oid}`,
    provider: provider.name,
    subject: oid,
    groups: membership(read.claims),
    appRoles,
    ...(displayName !== undefined && { displayName }),
  });
}

/**
 * Over 200 groups Entra sends a pointer to Graph instead of `groups` (the pointer is never
 * followed). No `groups` at all may mean no groups or an application that does not ask for them,
 * and nothing in the token tells which: both are incomplete.
 */
function membership(claims: EntraClaims): GroupMembership {
  const names = claims._claim_names;
  const pointed = typeof names === 'object' && names !== null && 'groups' in names;
  const overage = pointed || (claims.hasgroups !== undefined && claims.hasgroups !== false);
  const incomplete = claims.groups === undefined || overage;
  return { ids: new Set(claims.groups), incomplete };
}
