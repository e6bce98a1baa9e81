// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { generateKeyPairSync, X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createSecureContext } from 'node:tls';
import { Secret } from '../model/secret.ts';
import { createAuthority, openAuthority } from './authority.ts';

describe('authority', () => {
  it('issues a leaf that its root signed and that TLS accepts with its key', async () => {
    const root = await createAuthority({ commonName: 'root', organization: 'Example' });
    const issued = await root.issue({ commonName: 'db', dnsNames: ['db.example'] });
    const leaf = new X509Certificate(issued.certPem);
    const ca = new X509Certificate(root.certPem);
    assert.ok(ca.ca);
    assert.ok(!leaf.ca);
    assert.ok(leaf.checkIssued(ca));
    assert.ok(leaf.verify(ca.publicKey));
    assert.equal(leaf.subject, 'CN=db');
    assert.equal(ca.subject, 'O=Example\nCN=root');
    assert.equal(leaf.checkHost('db.example'), 'db.example');
    createSecureContext({ cert: issued.chainPem, key: issued.keyPem.reveal() });
  });

  it('puts a SPIFFE id and addresses into the alternative names', async () => {
    const root = await createAuthority();
    const issued = await root.issue({
      spiffeId: 'spiffe://cluster.local/ns/payments/sa/checkout',
      ipAddresses: ['127.0.0.1', '2001:db8::7', '::ffff:192.0.2.1'],
    });
    const leaf = new X509Certificate(issued.certPem);
    assert.equal(
      leaf.subjectAltName,
      'URI:spiffe://cluster.local/ns/payments/sa/checkout, IP Address:127.0.0.1, ' +
        'IP Address:2001:DB8:0:0:0:0:0:7, IP Address:0:0:0:0:0:FFFF:C000:201',
    );
    assert.ok(!leaf.subject);
  });

  it('keeps a leaf inside the life of its issuer', async () => {
    const end = new Date(Date.now() + 60_000);
    const root = await createAuthority({ notAfter: end });
    const leaf = new X509Certificate((await root.issue({})).certPem);
    assert.equal(Date.parse(leaf.validTo), Math.floor(end.getTime() / 1000) * 1000);
  });

  it('chains through an intermediate and never ships the root', async () => {
    const root = await createAuthority();
    const issuing = await root.intermediate({ commonName: 'issuing' });
    const issued = await issuing.issue({ commonName: 'leaf' });
    const certificates = issued.chainPem.match(/-----BEGIN CERTIFICATE-----/g);
    assert.equal(certificates?.length, 2);
    assert.ok(!issued.chainPem.includes(root.certPem));
    const middle = new X509Certificate(issuing.certPem);
    assert.ok(middle.checkIssued(new X509Certificate(root.certPem)));
    assert.ok(new X509Certificate(issued.certPem).verify(middle.publicKey));
  });

  it('certifies a key that somebody else holds', async () => {
    const root = await createAuthority();
    const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    const spki = publicKey.export({ type: 'spki', format: 'der' });
    const { chainPem } = await root.certify(spki, { spiffeId: 'spiffe://a.example/ns/b/sa/c' });
    const leaf = new X509Certificate(chainPem);
    assert.ok(leaf.checkPrivateKey(privateKey));
    assert.ok(leaf.verify(new X509Certificate(root.certPem).publicKey));
  });

  it('opens from its files and refuses a key of another', async () => {
    const root = await createAuthority();
    const again = await openAuthority(root);
    const leaf = new X509Certificate((await again.issue({ commonName: 'x' })).certPem);
    assert.ok(leaf.verify(new X509Certificate(root.certPem).publicKey));
    const other = await createAuthority();
    const mixed = { certPem: root.certPem, keyPem: new Secret(other.keyPem.reveal()) };
    await assert.rejects(openAuthority(mixed), /does not belong/);
  });

  it('writes dates after 2049 as GeneralizedTime', async () => {
    const root = await createAuthority({ notAfter: new Date('2061-01-01T00:00:00Z') });
    assert.match(new X509Certificate(root.certPem).validTo, /2061/);
  });
});
