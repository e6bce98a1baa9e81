// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { IdentityProvider } from '../../policy/policy.ts';
import type { Claims } from '../unverified-token.ts';
import {
  claimList,
  claimText,
  type Description,
  described,
  readClaims,
  wrongClaims,
} from './preset.ts';

const schema = z.object({
  sub: claimText,
  uid: claimText.optional(),
  cid: claimText.optional(),
  groups: claimList.optional(),
});

/** Okta cuts the list off here without a word. */
const GROUP_LIMIT = 100;

/**
 * Access tokens of an Okta custom authorization server. `uid` is the stable id of a person, `sub`
 * their login, which changes. In an application's own token `sub` is the client id (`cid`).
 */
export function okta(claims: Claims, provider: IdentityProvider): Description {
  const read = readClaims(schema, claims, 'an Okta access token');
  if (!read.ok) return read;
  const { sub, uid, cid, groups } = read.claims;
  if (uid !== undefined) {
    return described({
      kind: 'user',
      id: `user/${provider.name}/${uid}`,
      provider: provider.name,
      subject: uid,
      displayName: sub,
      groups: {
        ids: new Set(groups),
        incomplete: groups === undefined || groups.length >= GROUP_LIMIT,
      },
      appRoles: new Set(),
    });
  }
  if (cid === undefined || cid !== sub) {
    return wrongClaims(
      'neither a person (uid) nor an application (cid equal to sub); an access token of a custom authorization server is expected',
    );
  }
  return described({
    kind: 'agent',
    id: `agent/${provider.name}/${cid}`,
    provider: provider.name,
    client: cid,
    appRoles: new Set(),
  });
}
