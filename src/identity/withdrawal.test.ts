// SPDX-License-Identifier: Apache-2.0
import { equal, match, ok } from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import { type Authority, createAuthority } from '../../test/support/certs.ts';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { cluster, policy, provider } from '../../test/support/policy.ts';
import { SigningKey } from '../../test/support/token-maker.ts';
import { silentLog } from '../model/log.ts';
import type { Principal } from '../model/principal.ts';
import { Secret } from '../model/secret.ts';
import type { Cluster, IdentityProvider, Material } from '../policy/policy.ts';
import { IdentityResolver } from './resolver.ts';
import type { IdentityResult } from './result.ts';
import { parseCertificates } from './trust-bundles.ts';

const ISSUER = 'https://people.example';
const jwks: Material = { from: 'file', path: 'keys.json' };
const people = (over: Partial<IdentityProvider> = {}) => [
  provider('people', { issuers: [ISSUER], jwks, ...over }),
];
const prod = (over: Partial<Cluster> = {}) => [
  cluster('prod', { trustDomainAliases: ['old.example'], ...over }),
];
const key = new SigningKey('ES256', 'k1');

let authority: Authority;
let other: Authority;
let clock: ManualClock;
let files: Map<string, string>;
let resolver: IdentityResolver;

function principalOf(result: IdentityResult): Principal {
  ok(result.ok, JSON.stringify(result));
  return result.principal;
}

async function person(): Promise<Principal> {
  const now = Math.floor(clock.now() / 1000);
  const claims = { iss: ISSUER, aud: ['a', 'postern'], sub: 'ada', iat: now, exp: now + 3600 };
  return principalOf(await resolver.verifyToken(new Secret(key.sign(claims))));
}

async function workload(domain = 'prod.local'): Promise<Principal> {
  const spiffeId = `spiffe://${domain}/ns/payments/sa/checkout`;
  const { chainPem } = await authority.issue({ spiffeId });
  return principalOf(resolver.verifyCertificateChain(parseCertificates(chainPem), 'mesh-mtls'));
}

describe('withdrawal of what an identity rested on', () => {
  before(async () => {
    authority = await createAuthority({ commonName: 'prod' });
    other = await createAuthority({ commonName: 'next' });
  });

  beforeEach(() => {
    clock = new ManualClock(Date.now());
    files = new Map([
      ['root.pem', authority.certPem],
      ['keys.json', JSON.stringify({ keys: [key.jwk()] })],
    ]);
    resolver = new IdentityResolver({
      policy: policy({ clusters: prod(), providers: people() }),
      clock,
      log: silentLog,
      readMaterial: (material) => files.get('path' in material ? material.path : '') ?? '',
    });
  });

  const withPeople = (over: Partial<IdentityProvider>) =>
    resolver.update(policy({ clusters: prod(), providers: people(over) }));
  const withProd = (over: Partial<Cluster>) =>
    resolver.update(policy({ clusters: prod(over), providers: people() }));

  it('finds none while nothing that counts has changed', async () => {
    const [ada, checkout] = [await person(), await workload()];
    withPeople({
      issuers: [ISSUER, 'https://also.example'],
      audiences: ['more', 'postern'],
      sessionMaxMs: 1,
    });
    equal(resolver.withdrawal(ada), undefined);
    withProd({ labels: { env: 'x' }, trustDomainAliases: ['older.example', 'old.example'] });
    equal(resolver.withdrawal(ada), undefined);
    equal(resolver.withdrawal(checkout), undefined);
  });

  it('ends with the issuer, the audience or what a token is taken for', async () => {
    const ada = await person();
    withPeople({ issuers: ['https://other.example'] });
    match(resolver.withdrawal(ada) ?? '', /people no longer accepts tokens of issuer/);
    withPeople({ audiences: ['a-new-one'] });
    match(resolver.withdrawal(ada) ?? '', /IdentityProvider people .* tokens for "postern"/);
    withPeople({ tenant: '1' });
    match(resolver.withdrawal(ada) ?? '', /IdentityProvider people has changed/);
    withPeople({ jwks: { from: 'file', path: 'others.json' } });
    match(resolver.withdrawal(ada) ?? '', /IdentityProvider people has changed/);
    resolver.update(policy({ clusters: [cluster('other')], providers: [provider('others')] }));
    match(resolver.withdrawal(ada) ?? '', /people no longer accepts tokens/);
    withPeople({});
    equal(resolver.withdrawal(ada), undefined);
  });

  it('ends with the trust domain it was named by, or that of its cluster', async () => {
    const [proper, alias] = [await workload(), await workload('old.example')];
    withProd({ trustDomainAliases: [] });
    equal(resolver.withdrawal(proper), undefined);
    match(resolver.withdrawal(alias) ?? '', /Cluster prod has another trust domain/);
    withProd({ trustDomain: 'new.local', trustDomainAliases: ['prod.local'] });
    match(resolver.withdrawal(proper) ?? '', /Cluster prod has another trust domain/);
    resolver.update(policy({ clusters: [cluster('other')], providers: [provider('others')] }));
    match(resolver.withdrawal(proper) ?? '', /Cluster prod is no longer declared/);
  });

  it('ends with its root, and not with a root that is added', async () => {
    const checkout = await workload();
    equal(resolver.reloadBundles(), false);
    files.set('root.pem', other.certPem + authority.certPem);
    equal(resolver.reloadBundles(), false);
    equal(resolver.withdrawal(checkout), undefined);
    files.set('root.pem', other.certPem);
    equal(resolver.reloadBundles(), true);
    match(resolver.withdrawal(checkout) ?? '', /bundle of Cluster prod no longer has the root/);
  });

  it('ends an agent with the person it acts for', async () => {
    const [ada, checkout] = [await person(), await workload()];
    const agent: Principal = { ...checkout, onBehalfOf: ada };
    equal(resolver.withdrawal(agent), undefined);
    withPeople({ audiences: ['a-new-one'] });
    match(resolver.withdrawal(agent) ?? '', /IdentityProvider people/);
  });
});
