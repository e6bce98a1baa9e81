// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  APPLICATION,
  CLAIM_SETS,
  GROUP,
  ORGANIZATION,
  PERSON,
  TENANT,
} from '../../../test/support/claim-sets.ts';
import { cluster, provider } from '../../../test/support/policy.ts';
import type { Claims } from '../unverified-token.ts';
import { azureDevops } from './azure-devops.ts';
import { entra } from './entra.ts';
import { generic } from './generic.ts';
import { github } from './github.ts';
import { gitlab } from './gitlab.ts';
import { kubernetes, serviceAccount } from './kubernetes.ts';
import { okta } from './okta.ts';
import type { Description, Preset } from './preset.ts';

const idp = provider('idp', { tenant: TENANT });

function made(preset: Preset, claims: Claims, by = idp) {
  const result: Description = preset(claims, by);
  assert.ok(result.ok, result.ok ? '' : result.detail);
  return result.described;
}

function refused(preset: Preset, claims: Claims, detail: RegExp, by = idp): void {
  const result = preset(claims, by);
  assert.ok(!result.ok);
  assert.equal(result.reason, 'token-claims');
  assert.match(result.detail, detail);
}

describe('presets', () => {
  it('entra: a person, in both token versions, by object id', () => {
    for (const set of [CLAIM_SETS.entraUserV1, CLAIM_SETS.entraUserV2]) {
      const person = made(entra, set);
      assert.equal(person.id, `user/idp/${PERSON}`);
      assert.ok(person.kind === 'user');
      assert.equal(person.displayName, 'ada@example.com');
      assert.deepEqual(person.groups, { ids: new Set([GROUP]), incomplete: false });
    }
  });

  it('entra: overage and absent groups are incomplete', () => {
    const { groups: _, ...without } = CLAIM_SETS.entraUserV2;
    const sets = [CLAIM_SETS.entraOverage, without, { ...CLAIM_SETS.entraUserV2, hasgroups: true }];
    for (const set of sets) {
      const person = made(entra, set);
      assert.ok(person.kind === 'user' && person.groups.incomplete);
    }
  });

  it('entra: an application acts as itself', () => {
    for (const set of [CLAIM_SETS.entraApplicationV1, CLAIM_SETS.entraApplicationV2]) {
      const agent = made(entra, set);
      assert.equal(agent.id, `agent/idp/${APPLICATION}`);
      assert.ok(agent.kind === 'agent' && agent.client === APPLICATION);
    }
    const roles = made(entra, CLAIM_SETS.entraApplicationV2);
    assert.ok(roles.kind === 'agent' && roles.appRoles.has('orders.reader'));
  });

  it('entra: refuses another tenant and tokens that contradict themselves', () => {
    refused(entra, { ...CLAIM_SETS.entraUserV2, tid: 'another' }, /tenant \(tid\) is "another"/);
    refused(entra, { ...CLAIM_SETS.entraUserV2, tid: undefined }, /tid is missing/);
    refused(entra, { ...CLAIM_SETS.entraUserV2, oid: undefined }, /oid is missing/);
    refused(entra, { ...CLAIM_SETS.entraApplicationV2, scp: 'access' }, /scopes/);
    refused(entra, { ...CLAIM_SETS.entraUserV2, appid: 'other' }, /different applications/);
    refused(entra, CLAIM_SETS.entraUserV2, /this provider is tenant "none"/, provider('idp'));
    refused(entra, { ...CLAIM_SETS.entraUserV2, groups: 'x' }, /groups/);
  });

  it('okta: a person by uid, an application by cid', () => {
    const person = made(okta, CLAIM_SETS.oktaUser);
    assert.equal(person.id, 'user/idp/00uperson');
    assert.ok(person.kind === 'user' && !person.groups.incomplete);
    assert.equal(made(okta, CLAIM_SETS.oktaApplication).id, 'agent/idp/0oaagent');
    refused(okta, { sub: 'ada@example.com' }, /custom authorization server/);
    refused(okta, { sub: 'ada@example.com', cid: '0oaclient' }, /custom authorization server/);
  });

  it('okta: a hundred groups may be more', () => {
    const groups = (count: number) => Array.from({ length: count }, (_, index) => `g${index}`);
    const full = made(okta, { ...CLAIM_SETS.oktaUser, groups: groups(100) });
    const nearly = made(okta, { ...CLAIM_SETS.oktaUser, groups: groups(99) });
    assert.ok(full.kind === 'user' && full.groups.incomplete);
    assert.ok(nearly.kind === 'user' && !nearly.groups.incomplete);
  });

  it('github: a job in an environment or on a reference', () => {
    assert.deepEqual(made(github, CLAIM_SETS.githubEnvironment), {
      kind: 'ci',
      id: 'ci/idp/acme/shop@production',
      provider: 'idp',
      repository: 'acme/shop',
      ownerId: '1001',
      repositoryId: '2002',
      ref: 'refs/heads/main',
      environment: 'production',
    });
    assert.equal(made(github, CLAIM_SETS.githubBranch).id, 'ci/idp/acme/shop@ref:refs/heads/main');
    refused(
      github,
      { ...CLAIM_SETS.githubBranch, repository_id: undefined },
      /repository_id is missing/,
    );
    refused(github, { ...CLAIM_SETS.githubBranch, environment: 'ref:refs/heads/main' }, /"ref:"/);
    refused(github, { ...CLAIM_SETS.githubBranch, repository: 'a/b@c' }, /owner\/name/);
  });

  it('gitlab: a tag called main is not the branch main', () => {
    const { environment: _, ...set } = CLAIM_SETS.gitlab;
    assert.equal(made(gitlab, CLAIM_SETS.gitlab).id, 'ci/idp/acme/web/shop@production');
    assert.equal(made(gitlab, set).id, 'ci/idp/acme/web/shop@ref:refs/heads/main');
    const tag = made(gitlab, { ...set, ref_type: 'tag' });
    assert.ok(tag.kind === 'ci' && tag.ref === 'refs/tags/main' && tag.ownerId === '72');
    refused(gitlab, { ...set, ref_type: undefined }, /ref_type is missing/);
  });

  it('azure devops: a service connection or a pipeline', () => {
    const iss = `https://vstoken.dev.azure.com/${ORGANIZATION}`;
    assert.deepEqual(made(azureDevops, { ...CLAIM_SETS.azureServiceConnection, iss }), {
      kind: 'ci',
      id: 'ci/idp/acme/shop@production-database',
      provider: 'idp',
      repository: 'acme/shop',
      ownerId: ORGANIZATION,
      environment: 'production-database',
    });
    const pipeline = made(azureDevops, { ...CLAIM_SETS.azurePipeline, iss });
    assert.equal(pipeline.id, 'ci/idp/acme/shop@ref:refs/heads/main');
    refused(azureDevops, { iss, sub: 'sc://acme/shop' }, /not sc:/);
    refused(azureDevops, { iss, sub: 'sc://acme/shop/ref:x' }, /cannot be told/);
    refused(azureDevops, { iss, sub: 'p://acme/shop/x' }, /rpo_ref/);
  });

  it('kubernetes: a workload of the Cluster, and only through a Cluster', () => {
    const prod = cluster('prod', { trustDomain: 'cluster.local' });
    const result = serviceAccount(CLAIM_SETS.kubernetes, prod);
    assert.deepEqual(result.ok && result.described, {
      kind: 'workload',
      id: 'workload/prod/payments/checkout',
      cluster: 'prod',
      namespace: 'payments',
      serviceAccount: 'checkout',
      spiffeId: 'spiffe://cluster.local/ns/payments/sa/checkout',
    });
    const bound = { namespace: 'other', serviceaccount: { name: 'checkout' } };
    const account: Preset = (claims) => serviceAccount(claims, prod);
    refused(account, { ...CLAIM_SETS.kubernetes, 'kubernetes.io': bound }, /different/);
    refused(account, { sub: 'system:node:x' }, /system:serviceaccount/);
    refused(account, { sub: 'system:serviceaccount:a/b:c' }, /system:serviceaccount/);
    refused(kubernetes, CLAIM_SETS.kubernetes, /no Cluster/);
  });

  it('generic: the declaration names the claims', () => {
    const claims = { subject: 'login', groups: 'memberOf', roles: 'app' };
    const by = provider('idp', { claims });
    const person = made(generic, { login: 'ada', memberOf: ['g'], app: ['r'] }, by);
    assert.ok(person.kind === 'user' && person.groups.ids.has('g') && person.appRoles.has('r'));
    refused(generic, { sub: 'ada' }, /login is missing/, by);
    const agents = provider('idp', { makes: 'agent' });
    assert.equal(made(generic, { sub: 'robot' }, agents).id, 'agent/idp/robot');
    const forge = provider('idp', { makes: 'ci', claims: { subject: 'repository' } });
    const job = made(
      generic,
      { repository: 'a/b', repository_id: '7', ref: 'refs/heads/x' },
      forge,
    );
    assert.equal(job.id, 'ci/idp/a/b@ref:refs/heads/x');
    assert.ok(job.kind === 'ci' && job.repositoryId === '7');
  });
});
