// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { SigningKey } from '../../test/support/token-maker.ts';
import { permittedUrl } from './fetch-json.ts';
import { type KeySource, loadKeys } from './key-source.ts';

const key = new SigningKey('ES256', 'k1');
const TENANT = '11111111-2222-3333-4444-555555555555';
const V1 = `https://sts.windows.net/${TENANT}/`;
const V2 = `https://login.microsoftonline.com/${TENANT}/v2.0`;
const TEMPLATE = 'https://login.microsoftonline.com/{tenantid}/v2.0';
const KEYS = 'https://login.microsoftonline.com/common/discovery/v2.0/keys';

function load(source: Partial<KeySource>, documents: Record<string, unknown>) {
  const issuer = source.issuer ?? 'https://idp.example';
  return loadKeys(
    { issuer, issuers: [issuer], ...source },
    {
      fetchJson: async (url) => {
        if (documents[url] === undefined) throw new Error(`no ${url}`);
        return documents[url];
      },
      readMaterial: () => JSON.stringify(documents.file),
    },
  );
}

const discovery = (issuer: string, jwks_uri: unknown = 'https://idp.example/keys') => ({
  'https://idp.example/.well-known/openid-configuration': { issuer, jwks_uri },
  'https://idp.example/keys': { keys: [key.jwk()] },
});

describe('key-source', () => {
  it('discovers the keys of exactly the issuer', async () => {
    const found = await load({}, discovery('https://idp.example'));
    assert.deepEqual(
      found.keys.map((one) => one.kid),
      ['k1'],
    );
    await assert.rejects(load({}, discovery('https://idp.example/')), /about issuer/);
    await assert.rejects(load({}, discovery('https://evil.example')), /about issuer/);
  });

  it('refuses a key address that is not https', async () => {
    for (const address of ['http://idp.example/keys', 'file:///etc/passwd', undefined, 7]) {
      await assert.rejects(
        load({}, discovery('https://idp.example', address ?? null)),
        /which is not https/,
      );
    }
  });

  it('fills in the tenant of Entra and drops keys of other issuers', async () => {
    const entra = { tenant: TENANT, issuers: [V1, V2] };
    const keys = [
      key.jwk({ kid: 'template', issuer: TEMPLATE }),
      key.jwk({ kid: 'free' }),
      key.jwk({ kid: 'other', issuer: 'https://login.microsoftonline.com/other/v2.0' }),
    ];
    const documents = {
      [`${V2}/.well-known/openid-configuration`]: { issuer: TEMPLATE, jwks_uri: KEYS },
      [`${V1}.well-known/openid-configuration`]: { issuer: V1, jwks_uri: KEYS },
      [KEYS]: { keys },
    };
    for (const issuer of [V1, V2]) {
      const found = await load({ ...entra, issuer }, documents);
      assert.deepEqual(
        found.keys.map((one) => one.kid),
        ['template', 'free'],
      );
    }
  });

  it('reads a file and leaves out secret keys', async () => {
    const keys = [key.jwk(), { kty: 'oct', k: 'c2VjcmV0', kid: 'mac' }, 'nonsense', null];
    const source = { jwks: { from: 'file', path: 'keys.json' } } as const;
    const found = await load(source, { file: { keys } });
    assert.deepEqual(
      found.keys.map((one) => one.kid),
      ['k1'],
    );
    await assert.rejects(load(source, { file: { keys: [] } }), /no usable key/);
    await assert.rejects(load(source, { file: [] }), /no list/);
  });

  it('permits https, and http to loopback', () => {
    const good = [
      'https://idp.example/x',
      'http://127.0.0.1:80',
      'http://localhost/',
      'http://[::1]/',
    ];
    const bad = [
      'http://idp.example',
      'http://127.0.0.1.evil.example',
      'http://localhost.evil.example',
      'ftp://localhost',
      'https://user:secret@idp.example',
      'nonsense',
    ];
    for (const url of good) assert.ok(permittedUrl(url), url);
    for (const url of bad) assert.equal(permittedUrl(url), undefined, url);
  });
});
