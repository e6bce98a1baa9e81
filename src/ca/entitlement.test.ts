// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { cluster } from '../../test/support/policy.ts';
import type { Principal } from '../model/principal.ts';
import type { Cluster } from '../policy/policy.ts';
import { entitlement } from './entitlement.ts';

const proof = { method: 'token', verifiedBy: 'x', claims: {}, expiresAt: 0 } as const;
const workload = (of: string): Principal => ({
  ...proof,
  kind: 'workload',
  id: `workload/${of}/payments/checkout`,
  cluster: of,
  namespace: 'payments',
  serviceAccount: 'checkout',
});
const agent: Principal = {
  ...proof,
  kind: 'agent',
  id: 'agent/entra/bot',
  provider: 'entra',
  client: 'bot',
  appRoles: new Set(),
};
const as = (client: string, name: string) => {
  const [namespace = '', serviceAccount = ''] = name.split('/');
  const subject = { kind: 'agent', provider: 'entra', client } as const;
  return { subject, namespace, serviceAccount };
};
const vms = (certificates?: Cluster['certificates']) =>
  cluster('vms', certificates && { certificates });

function told(principal: Principal, of: Cluster): string {
  const found = entitlement(principal, of);
  return found.ok ? `${found.namespace}/${found.serviceAccount}` : found.reason;
}

describe('entitlement', () => {
  it('gives nothing that is not declared', () => {
    equal(told(workload('vms'), vms()), 'not-declared');
    equal(told(workload('vms'), vms({ serviceAccounts: false, identities: [] })), 'not-declared');
    equal(told(agent, vms({ serviceAccounts: true, identities: [] })), 'not-declared');
  });

  it('gives a workload its own name in its own cluster only', () => {
    const open = vms({ serviceAccounts: true, identities: [] });
    equal(told(workload('vms'), open), 'payments/checkout');
    equal(told(workload('other'), open), 'not-declared');
  });

  it('gives others the one name that is declared for them', () => {
    const identities = [as('bot', 'jobs/bot'), as('other', 'jobs/other')];
    equal(told(agent, vms({ serviceAccounts: false, identities })), 'jobs/bot');
    const twice = vms({ serviceAccounts: false, identities: [as('bot', 'a/b'), as('bot', 'a/b')] });
    equal(told(agent, twice), 'a/b');
    const two = entitlement(
      agent,
      vms({ serviceAccounts: false, identities: [as('bot', 'a/b'), as('bot', 'a/c')] }),
    );
    deepEqual([two.ok, !two.ok && two.reason], [false, 'ambiguous']);
    match(two.ok ? '' : two.detail, /"a\/b", "a\/c"/);
  });

  it('does not let an agent shed the person it acts for', () => {
    const person: Principal = { ...workload('vms') };
    const acting: Principal = { ...agent, onBehalfOf: person };
    const one = vms({ serviceAccounts: false, identities: [as('bot', 'jobs/bot')] });
    equal(told(acting, one), 'not-declared');
  });
});
