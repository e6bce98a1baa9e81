// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AgentPrincipal, UserPrincipal } from '../model/principal.ts';
import type { Access } from '../policy/access.ts';
import { isSameIdentity, isSamePrincipal } from './same-identity.ts';

const ada: UserPrincipal = {
  kind: 'user',
  id: 'user/people/ada',
  method: 'token',
  verifiedBy: 'people',
  claims: { department: 'sales', jti: '1' },
  expiresAt: 1_000,
  provider: 'people',
  subject: 'ada',
  displayName: 'Ada',
  groups: { ids: new Set(['analysts', 'staff']), incomplete: false },
  appRoles: new Set(['reader']),
};
const bot: AgentPrincipal = {
  kind: 'agent',
  id: 'agent/people/bot',
  method: 'token',
  verifiedBy: 'people',
  claims: {},
  expiresAt: 1_000,
  provider: 'people',
  client: 'bot',
  appRoles: new Set(),
  onBehalfOf: ada,
};

/** Rules that read `claim[department]`, and nothing else. */
function access(principal: Access['principal']): Access {
  const when = [{ key: 'text', name: 'claim[department]', not: false, values: [] }];
  const rights = [{ grants: [{ grant: { when } }], denies: [], unsure: [] }];
  return { principal, rights } as unknown as Access;
}

describe('same identity', () => {
  it('is another token of the same person', () => {
    const renewed = { ...ada, expiresAt: 2_000, claims: { department: 'sales', jti: '2' } };
    assert.ok(isSameIdentity(access(ada), { ...renewed, displayName: 'Ada L.' }));
    assert.ok(isSameIdentity(access(bot), { ...bot, onBehalfOf: renewed }));
  });

  it('is not the same id with other groups, roles or claims that rules read', () => {
    const groups = { ids: new Set(['analysts']), incomplete: false };
    const others: UserPrincipal[] = [
      { ...ada, id: 'user/people/eve', subject: 'eve' },
      { ...ada, groups },
      { ...ada, groups: { ...ada.groups, incomplete: true } },
      { ...ada, appRoles: new Set() },
      { ...ada, claims: { department: 'research', jti: '1' } },
      { ...ada, claims: { jti: '1' } },
      { ...ada, verifiedBy: 'others' },
      { ...ada, onBehalfOf: { ...ada, id: 'user/people/grace' } },
    ];
    for (const other of others) assert.ok(!isSameIdentity(access(ada), other));
  });

  it('is not an agent that acts for another person, or for nobody', () => {
    const { onBehalfOf: _, ...alone } = bot;
    const forEve = { ...bot, onBehalfOf: { ...ada, id: 'user/people/eve' } };
    for (const other of [alone, forEve]) {
      assert.ok(!isSameIdentity(access(bot), other));
      assert.ok(!isSamePrincipal(bot, other));
    }
    assert.ok(isSamePrincipal(bot, { ...bot, onBehalfOf: { ...ada, expiresAt: 5 } }));
  });
});
