// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { account, cluster, grant, policy, provider, role } from '../../test/support/policy.ts';
import type { Principal } from '../model/principal.ts';
import { type PrincipalDetails, principalFromId } from './principal-from-id.ts';

const READ = role('data-orders/read', ['select shop.orders']);
const WORLD = policy({
  clusters: [cluster('prod'), cluster('preview')],
  providers: [provider('entra'), provider('github')],
  roles: [READ],
  grants: [grant('g', READ.id, [account('prod/payments/checkout')])],
});

function read(id: string, details: PrincipalDetails = {}): Principal {
  const reading = principalFromId(id, details, WORLD);
  assert.ok(reading.ok, reading.ok ? '' : reading.problem);
  return reading.principal;
}

function problem(id: string): string {
  const reading = principalFromId(id, {}, WORLD);
  return reading.ok ? 'none' : reading.problem;
}

describe('principal-from-id', () => {
  it('reads every kind of canonical id', () => {
    const workload = read('workload/prod/payments/checkout');
    assert.ok(workload.kind === 'workload');
    assert.equal(workload.spiffeId, 'spiffe://prod.local/ns/payments/sa/checkout');
    const user = read('user/entra/ann', { groups: ['g1'], appRoles: ['admin'] });
    assert.ok(user.kind === 'user' && user.groups.ids.has('g1') && user.appRoles.has('admin'));
    const job = read('ci/github/acme/shop@production', { ci: { ownerId: '1' } });
    assert.ok(job.kind === 'ci');
    assert.deepEqual(
      [job.repository, job.environment, job.ownerId],
      ['acme/shop', 'production', '1'],
    );
    const plain = read('ci/github/acme/shop');
    assert.ok(plain.kind === 'ci' && plain.environment === undefined);
    const agent = read('agent/entra/bot', { onBehalfOf: user });
    assert.equal(agent.onBehalfOf, user);
  });

  it('gives a workload that came with a token no SPIFFE id', () => {
    const workload = read('workload/prod/payments/checkout', { method: 'token' });
    assert.ok(workload.kind === 'workload' && workload.spiffeId === undefined);
  });

  it('completes a short id when one cluster can be meant', () => {
    assert.equal(read('payments/checkout').id, 'workload/prod/payments/checkout');
    assert.equal(read('preview/payments/api').id, 'workload/preview/payments/api');
    assert.match(problem('payments/api'), /workload\/prod\/payments\/api or workload\/preview/);
  });

  it('says what is wrong with an id', () => {
    assert.match(problem('workload/prd/payments/checkout'), /no Cluster prd; did you mean prod/);
    assert.match(problem('user/okta/ann'), /no IdentityProvider okta/);
    assert.match(problem('user/entra'), /not complete/);
    assert.match(problem('workload/prod/payments'), /not a workload/);
    assert.match(problem('ann'), /not the id of a principal/);
    assert.match(problem('a/b/c/d'), /not the id of a principal/);
  });
});
