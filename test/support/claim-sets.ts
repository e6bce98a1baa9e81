// SPDX-License-Identifier: Apache-2.0
import type { Claims } from './token-maker.ts';

/** Tokens as each provider really writes them, shortened; times and issuer are put in by callers. */
export const TENANT = '11111111-2222-3333-4444-555555555555';
export const PERSON = '0a0a0a0a-1111-2222-3333-444444444444';
export const APPLICATION = '5f2a0000-0000-0000-0000-000000000000';
export const GROUP = '8c1e0000-0000-0000-0000-000000000000';
export const ORGANIZATION = '0ca3ddd9-f0b0-4635-a98c-5866526961b6';

export const CLAIM_SETS = {
  entraUserV2: {
    ver: '2.0',
    aud: '99999999-0000-0000-0000-000000000000',
    azp: 'aaaaaaaa-0000-0000-0000-000000000000',
    azpacr: '0',
    groups: [GROUP],
    name: 'Ada Example',
    oid: PERSON,
    preferred_username: 'ada@example.com',
    roles: ['orders.reader'],
    scp: 'access',
    sub: 'pairwise-2',
    tid: TENANT,
  },
  entraUserV1: {
    ver: '1.0',
    aud: 'api://postern',
    appid: 'aaaaaaaa-0000-0000-0000-000000000000',
    appidacr: '0',
    groups: [GROUP],
    oid: PERSON,
    scp: 'user_impersonation',
    sub: 'pairwise-1',
    tid: TENANT,
    unique_name: 'ada@example.com',
  },
  entraOverage: {
    aud: 'api://postern',
    azp: 'aaaaaaaa-0000-0000-0000-000000000000',
    oid: PERSON,
    scp: 'access',
    sub: 'pairwise-2',
    tid: TENANT,
    _claim_names: { groups: 'src1' },
    _claim_sources: { src1: { endpoint: 'https://graph.windows.net/x/getMemberObjects' } },
  },
  entraApplicationV2: {
    aud: 'api://postern',
    azp: APPLICATION,
    azpacr: '2',
    idtyp: 'app',
    oid: 'bbbbbbbb-0000-0000-0000-000000000000',
    roles: ['orders.reader'],
    sub: 'bbbbbbbb-0000-0000-0000-000000000000',
    tid: TENANT,
  },
  entraApplicationV1: {
    aud: 'api://postern',
    appid: APPLICATION,
    appidacr: '2',
    oid: 'bbbbbbbb-0000-0000-0000-000000000000',
    sub: 'bbbbbbbb-0000-0000-0000-000000000000',
    tid: TENANT,
  },
  oktaUser: {
    aud: 'postern',
    cid: '0oaclient',
    groups: ['payments-eng'],
    scp: ['openid', 'data'],
    sub: 'ada@example.com',
    uid: '00uperson',
  },
  oktaApplication: { aud: 'postern', cid: '0oaagent', scp: ['data'], sub: '0oaagent' },
  githubEnvironment: {
    aud: 'postern',
    actor: 'ada',
    environment: 'production',
    ref: 'refs/heads/main',
    repository: 'acme/shop',
    repository_id: '2002',
    repository_owner: 'acme',
    repository_owner_id: '1001',
    sub: 'repo:acme/shop:environment:production',
    workflow: 'deploy',
  },
  githubBranch: {
    aud: 'postern',
    ref: 'refs/heads/main',
    repository: 'acme/shop',
    repository_id: '2002',
    repository_owner_id: '1001',
    sub: 'repo:acme/shop:ref:refs/heads/main',
  },
  gitlab: {
    aud: 'postern',
    environment: 'production',
    namespace_id: '72',
    namespace_path: 'acme',
    project_id: '20',
    project_path: 'acme/web/shop',
    ref: 'main',
    ref_type: 'branch',
    sub: 'project_path:acme/web/shop:ref_type:branch:ref:main',
  },
  azureServiceConnection: {
    aud: 'api://AzureADTokenExchange',
    sub: 'sc://acme/shop/production-database',
  },
  azurePipeline: {
    aud: 'api://AzureADTokenExchange',
    def_id: '7',
    org_id: ORGANIZATION,
    prj_id: '271ef6f7-5998-4b0f-86fb-4b54d9129990',
    rpo_id: '3f1ef6f7-5998-4b0f-86fb-4b54d9129990',
    rpo_ref: 'refs/heads/main',
    sub: 'p://acme/shop/nightly',
  },
  kubernetes: {
    aud: ['postern'],
    'kubernetes.io': {
      namespace: 'payments',
      pod: { name: 'checkout-1', uid: 'u-1' },
      serviceaccount: { name: 'checkout', uid: 'u-2' },
    },
    sub: 'system:serviceaccount:payments:checkout',
  },
  generic: { aud: 'postern', sub: 'ada', groups: ['analysts'], email: 'ada@example.com' },
} as const satisfies Record<string, Claims>;
