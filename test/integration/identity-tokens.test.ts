// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { fetchJson } from '../../src/identity/fetch-json.ts';
import { IdentityResolver } from '../../src/identity/resolver.ts';
import { silentLog } from '../../src/model/log.ts';
import { Secret } from '../../src/model/secret.ts';
import type { IdentityProvider } from '../../src/policy/policy.ts';
import { createAuthority } from '../support/certs.ts';
import { CLAIM_SETS } from '../support/claim-sets.ts';
import { startIdp, type TestIdp } from '../support/idp.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { policy, provider } from '../support/policy.ts';

let idp: TestIdp;
let clock: ManualClock;

/** Real time for tokens, own time for cool-downs. */
class ShiftedClock extends ManualClock {
  override now(): number {
    return Date.now();
  }
}

function resolverFor(over: Partial<IdentityProvider> = {}, readMaterial = () => '') {
  const people = provider('people', { issuers: [idp.issuer], ...over });
  const impatient: typeof fetchJson = (url, options) =>
    fetchJson(url, { ...options, timeoutMs: 300 });
  return new IdentityResolver({
    policy: policy({ providers: [people] }),
    clock,
    log: silentLog,
    readMaterial,
    fetchJson: impatient,
  });
}

async function outcome(resolver: IdentityResolver, token: string): Promise<string> {
  const result = await resolver.verifyToken(new Secret(token));
  return result.ok ? result.principal.id : `${result.reason}: ${result.detail}`;
}

describe('identity-tokens', () => {
  beforeEach(async () => {
    idp = await startIdp();
    clock = new ShiftedClock();
  });
  afterEach(() => idp.close());

  it('discovers keys over HTTP and follows a rotation', async () => {
    const resolver = resolverFor();
    assert.equal(await outcome(resolver, idp.token(CLAIM_SETS.generic)), 'user/people/ada');
    assert.deepEqual(idp.requests, ['discovery', 'keys']);
    idp.rotate();
    clock.advance(30_000);
    const crowd = Array.from({ length: 20 }, (_, index) =>
      outcome(resolver, idp.token({ ...CLAIM_SETS.generic, sub: `p${index}` })),
    );
    assert.deepEqual(
      new Set((await Promise.all(crowd)).map((id) => id.slice(0, 13))),
      new Set(['user/people/p']),
    );
    assert.equal(idp.requests.length, 4);
  });

  it('says what is wrong with a provider', async () => {
    const faults = [
      ['down', /provider-unavailable: .*(socket hang up|ECONNRESET)/],
      ['slow', /did not answer within 300 ms/],
      ['huge', /more than 1048576 bytes/],
      ['redirect', /redirects, which is not followed/],
      ['garbage', /did not answer with JSON/],
      ['wrong-issuer', /about issuer "https:\/\/somebody\.example"/],
    ] as const;
    for (const [fault, expected] of faults) {
      idp.fault = fault;
      assert.match(await outcome(resolverFor(), idp.token(CLAIM_SETS.generic)), expected);
    }
  });

  it('goes on with the keys it has while the provider is down', async () => {
    const resolver = resolverFor();
    await outcome(resolver, idp.token(CLAIM_SETS.generic));
    idp.fault = 'down';
    clock.advance(23 * 3_600_000);
    const other = idp.token({ ...CLAIM_SETS.generic, sub: 'bob' });
    assert.equal(await outcome(resolver, other), 'user/people/bob');
    idp.rotate();
    clock.advance(30_000);
    assert.match(await outcome(resolver, idp.token(CLAIM_SETS.generic)), /^provider-unavailable/);
  });

  it('stops believing a withdrawn key', async () => {
    const resolver = resolverFor();
    const old = idp.key;
    const token = () => old.sign({ iss: idp.issuer, ...times(), ...CLAIM_SETS.generic });
    assert.equal(await outcome(resolver, token()), 'user/people/ada');
    idp.rotate();
    idp.withdraw(old.kid);
    clock.advance(3_600_001);
    const late = old.sign({ iss: idp.issuer, ...times(), ...CLAIM_SETS.generic, sub: 'late' });
    assert.match(await outcome(resolver, late), /^token-key-unknown/);
  });

  it('verifies https with the certificate authority of the provider', async () => {
    await idp.close();
    const authority = await createAuthority();
    const issued = await authority.issue({ dnsNames: ['localhost'] });
    idp = await startIdp({ tls: { cert: issued.chainPem, key: issued.keyPem } });
    const token = idp.token(CLAIM_SETS.generic);
    assert.match(await outcome(resolverFor(), token), /provider-unavailable: .*certificate/);
    const ca = { from: 'file', path: 'ca.pem' } as const;
    const trusting = resolverFor({ ca }, () => authority.certPem);
    assert.equal(await outcome(trusting, token), 'user/people/ada');
  });
});

function times() {
  const now = Math.floor(Date.now() / 1000);
  return { iat: now, exp: now + 600 };
}
