// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { before, beforeEach, describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { cluster, policy, provider } from '../../test/support/policy.ts';
import { type Claims, SigningKey, type SignOptions } from '../../test/support/token-maker.ts';
import type { DenialReason } from '../model/decision.ts';
import { silentLog } from '../model/log.ts';
import { Secret } from '../model/secret.ts';
import type { FetchJson } from './fetch-json.ts';
import { IdentityResolver } from './resolver.ts';

const ISSUER = 'https://people.example';
const DISCOVERY = `${ISSUER}/.well-known/openid-configuration`;
const KEYS = `${ISSUER}/keys`;
const GROUPS = { subject: 'sub', groups: 'groups' };

const key = new SigningKey('ES256', 'k1');
let rsa: SigningKey;
let clock: ManualClock;
let documents: Map<string, unknown>;
let fetched: string[];
let resolver: IdentityResolver;

const fetchJson: FetchJson = async (url) => {
  fetched.push(url);
  const document = documents.get(url);
  if (document === undefined) throw new Error(`${url} is down`);
  return document;
};

function publish(...keys: SigningKey[]): void {
  documents.set(DISCOVERY, { issuer: ISSUER, jwks_uri: KEYS });
  documents.set(KEYS, { keys: keys.map((one) => one.jwk()) });
}

function claims(more: Claims = {}): Claims {
  const now = Math.floor(clock.now() / 1000);
  return { iss: ISSUER, aud: 'postern', sub: 'ada', iat: now, exp: now + 3600, ...more };
}

function verify(more: Claims = {}, options: SignOptions = {}, by = key) {
  return resolver.verifyToken(new Secret(by.sign(claims(more), options)));
}

async function refused(
  reason: DenialReason,
  detail: RegExp,
  result: ReturnType<typeof verify>,
): Promise<void> {
  const found = await result;
  assert.equal(found.ok, false);
  if (found.ok) return;
  assert.equal(found.reason, reason, found.detail);
  assert.match(found.detail, detail);
}

function declared(over: Parameters<typeof provider>[1] = {}) {
  return policy({ providers: [provider('people', { claims: GROUPS, ...over })] });
}

describe('resolver', () => {
  before(() => {
    rsa = new SigningKey('RS256', 'r1');
  });

  beforeEach(() => {
    clock = new ManualClock();
    documents = new Map();
    fetched = [];
    publish(key, rsa);
    resolver = new IdentityResolver({
      policy: declared(),
      clock,
      log: silentLog,
      fetchJson,
      readMaterial: () => '',
    });
  });

  it('makes a principal of a good token', async () => {
    const more = { groups: ['analysts'], email: 'ada@example.com', level: 3, admin: true };
    const result = await verify({ ...more, nested: { a: 'b' }, mixed: ['a', 1] });
    assert.deepEqual(result, {
      ok: true,
      principal: {
        kind: 'user',
        id: 'user/people/ada',
        method: 'token',
        verifiedBy: 'people',
        provider: 'people',
        subject: 'ada',
        displayName: 'ada@example.com',
        groups: { ids: new Set(['analysts']), incomplete: false },
        appRoles: new Set(),
        claims: {
          iss: ISSUER,
          aud: 'postern',
          sub: 'ada',
          groups: ['analysts'],
          email: 'ada@example.com',
        },
        expiresAt: clock.now() + 3_600_000,
        anchor: {
          kind: 'token',
          issuer: ISSUER,
          audiences: ['postern'],
          meaning: JSON.stringify([{ preset: 'generic', claims: GROUPS, makes: 'user' }, {}]),
        },
      },
    });
  });

  it('takes RSA and Ed25519 keys too, and a list of audiences', async () => {
    const edwards = new SigningKey('EdDSA', 'e1');
    publish(rsa, edwards);
    assert.ok((await verify({ aud: ['other', 'postern'] }, {}, rsa)).ok);
    assert.ok((await verify({}, {}, edwards)).ok);
  });

  it('refuses what is no token', async () => {
    const say = (text: string) => resolver.verifyToken(new Secret(text));
    await refused('token-malformed', /three parts/, say('hunter2'));
    await refused('token-malformed', /three parts/, say(''));
    await refused('token-malformed', /encrypted/, say('a.b.c.d.e'));
    await refused('token-malformed', /header/, say('bm9wZQ.e30.x'));
    await refused('token-malformed', /payload/, say(`${key.sign({}).split('.')[0]}.W10.x`));
    await refused('token-oversize', /limit is 16384/, say(`${'a'.repeat(20_000)}.b.c`));
    assert.deepEqual(fetched, []);
  });

  it('refuses other algorithms: none, and HS256 with the public key', async () => {
    await refused('token-algorithm', /"none"/, verify({}, { alg: 'none' }));
    await refused('token-algorithm', /"None"/, verify({}, { alg: 'None' }));
    await refused('token-algorithm', /"HS256"/, verify({}, { alg: 'HS256' }, rsa));
    assert.deepEqual(fetched, []);
  });

  it('does not use a key for another algorithm than its own', async () => {
    await refused('token-key-unknown', /kid "k1" for RS256/, verify({}, { alg: 'RS256' }));
  });

  it('never looks at keys that a token brings along', async () => {
    const hostile = new SigningKey('ES256', 'evil');
    const header = { jku: 'https://evil.example/keys', x5u: 'https://evil.example/c' };
    await refused('token-key-unknown', /"evil"/, verify({}, { header }, hostile));
    const embedded = { jwk: hostile.jwk(), x5c: ['MIIB'] };
    await refused('token-signature', /"k1"/, verify({}, { kid: 'k1', header: embedded }, hostile));
    assert.ok(fetched.every((url) => url.startsWith(ISSUER)));
  });

  it('refuses critical extensions and token types made for something else', async () => {
    await refused('token-malformed', /crit/, verify({}, { header: { crit: ['exp'] } }));
    const b64 = { crit: ['b64'], b64: false };
    await refused('token-malformed', /crit/, verify({}, { header: b64 }));
    await refused('token-malformed', /logout/, verify({}, { header: { typ: 'logout+jwt' } }));
    assert.ok((await verify({}, { header: { typ: 'at+JWT' } })).ok);
  });

  it('refuses a changed payload', async () => {
    const [header, , signature] = key.sign(claims()).split('.');
    const other = key.sign(claims({ sub: 'root' })).split('.')[1];
    const forged = new Secret([header, other, signature].join('.'));
    await refused('token-signature', /not by key "k1"/, resolver.verifyToken(forged));
  });

  it('refuses an unknown issuer and says what is nearly it', async () => {
    await refused(
      'token-issuer-unknown',
      /"https:\/\/evil\.example"/,
      verify({ iss: 'https://evil.example' }),
    );
    await refused(
      'token-issuer-unknown',
      /differs only in a detail/,
      verify({ iss: `${ISSUER}/` }),
    );
    await refused('token-malformed', /no issuer/, verify({ iss: undefined }));
    await refused('token-issuer-unknown', /__proto__/, verify({ iss: '__proto__' }));
  });

  it('refuses another audience in plain words', async () => {
    await refused(
      'token-audience',
      /audience is "api:\/\/other", IdentityProvider people accepts "postern"/,
      verify({ aud: 'api://other' }),
    );
    await refused('token-audience', /audience is nothing/, verify({ aud: undefined }));
  });

  it('never takes a token for Azure SQL, even when it is declared', async () => {
    const aud = 'https://database.windows.net/';
    resolver.update(declared({ audiences: ['postern', aud] }));
    await refused('token-audience', /never accepted/, verify({ aud }));
  });

  it('refuses tokens outside their time, with a minute of leeway', async () => {
    const now = Math.floor(clock.now() / 1000);
    await refused('token-expired', /ended at 2026-12-31T23:58:59/, verify({ exp: now - 61 }));
    assert.ok((await verify({ exp: now - 59 })).ok);
    await refused('token-not-yet-valid', /clock/, verify({ nbf: now + 61 }));
    await refused('token-not-yet-valid', /clock/, verify({ iat: now + 61 }));
    assert.ok((await verify({ nbf: now + 59 })).ok);
  });

  it('requires exp, iat and sub', async () => {
    await refused('token-claims', /when it ends/, verify({ exp: undefined }));
    await refused('token-claims', /when it ends/, verify({ exp: '2099' }));
    await refused('token-claims', /when it ends/, verify({ exp: 1e300 }));
    await refused('token-claims', /when it ends/, verify({ iat: undefined }));
    await refused('token-claims', /nbf/, verify({ nbf: 'tomorrow' }));
    await refused('token-claims', /subject/, verify({ sub: undefined }));
    await refused('token-claims', /subject/, verify({ sub: '' }));
  });

  it('treats absent groups as unknown and refuses groups that are no list of text', async () => {
    const absent = await verify({ sub: 'eve' });
    assert.ok(absent.ok && absent.principal.kind === 'user' && absent.principal.groups.incomplete);
    await refused('token-claims', /groups/, verify({ groups: 'admins' }));
    await refused('token-claims', /groups/, verify({ groups: [1] }));
  });

  it('refuses names that would not survive a log or an id', async () => {
    await refused('token-claims', /control/, verify({ sub: 'ada\nroot' }));
    await refused('token-claims', /control/, verify({ sub: 'ada\u202e' }));
  });

  it('remembers a verified token until it ends, but not across a changed provider', async () => {
    const token = new Secret(key.sign(claims({ exp: Math.floor(clock.now() / 1000) + 300 })));
    assert.ok((await resolver.verifyToken(token)).ok);
    const first = await resolver.verifyToken(token);
    assert.ok(first.ok);
    assert.equal(fetched.length, 2);
    resolver.update(declared());
    const again = await resolver.verifyToken(token);
    assert.ok(again.ok && first.ok && again.principal === first.principal);
    resolver.update(declared({ audiences: ['elsewhere'] }));
    await refused('token-audience', /elsewhere/, resolver.verifyToken(token));
    assert.equal(fetched.length, 2);
    resolver.update(declared());
    clock.advance(361_000);
    await refused('token-expired', /ended/, resolver.verifyToken(token));
  });

  it('refuses an issuer that two declare, except a Cluster over its provider', async () => {
    const tokens = { issuer: ISSUER, audiences: ['postern'] };
    const prod = cluster('prod', { serviceAccountTokens: tokens });
    const people = provider('people');
    resolver.update(policy({ providers: [people], clusters: [prod] }));
    await refused('token-issuer-unknown', /people and Cluster prod/, verify());
    const kubernetes = provider('people', { preset: 'kubernetes' });
    resolver.update(policy({ providers: [kubernetes], clusters: [prod] }));
    const result = await verify({ sub: 'system:serviceaccount:payments:checkout' });
    assert.equal(result.ok && result.principal.id, 'workload/prod/payments/checkout');
  });

  it('says that an empty chain is anonymous', () => {
    const result = resolver.verifyCertificateChain([], 'mesh-mtls');
    assert.equal(result.ok ? '' : result.reason, 'anonymous');
  });
});
