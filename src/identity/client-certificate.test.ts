// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { type Authority, createAuthority } from '../../test/support/certs.ts';
import { cluster, policy } from '../../test/support/policy.ts';
import type { DenialReason } from '../model/decision.ts';
import { type Log, silentLog } from '../model/log.ts';
import type { Material } from '../policy/policy.ts';
import { verifyClientCertificate } from './client-certificate.ts';
import { parseCertificates, TrustBundles } from './trust-bundles.ts';

const CHECKOUT = 'spiffe://prod.local/ns/payments/sa/checkout';
type Request = Parameters<Authority['issue']>[0];

let prod: Authority;
let dev: Authority;
let bundles: TrustBundles;

/** Clusters by name with their trust domain and the bundle text. */
function trust(declared: Record<string, { domain: string; pem: string; aliases?: string[] }>) {
  const clusters = Object.entries(declared).map(([name, { domain, aliases }]) =>
    cluster(name, {
      trustDomain: domain,
      trustDomainAliases: aliases ?? [],
      bundle: { from: 'file', path: name },
    }),
  );
  const readMaterial = (material: Material) =>
    material.from === 'file' ? (declared[material.path]?.pem ?? '') : '';
  return TrustBundles.read(policy({ clusters }), { readMaterial, log: silentLog });
}

function verify(pem: string, at = bundles, nowMs = Date.now()) {
  return verifyClientCertificate(parseCertificates(pem), at, { method: 'mesh-mtls', nowMs });
}

async function refused(
  reason: DenialReason,
  detail: RegExp,
  request: Request,
  by: Authority = prod,
): Promise<void> {
  const { chainPem } = await by.issue(request);
  const result = verify(chainPem);
  assert.ok(!result.ok);
  assert.equal(result.reason, reason, result.detail);
  assert.match(result.detail, detail);
}

describe('client-certificate', () => {
  before(async () => {
    prod = await createAuthority({ commonName: 'prod' });
    dev = await createAuthority({ commonName: 'dev' });
    bundles = trust({
      prod: { domain: 'prod.local', pem: prod.certPem, aliases: ['old.example'] },
      dev: { domain: 'dev.local', pem: dev.certPem },
    });
  });

  it('makes a workload of an Istio certificate', async () => {
    const notAfter = new Date(Math.floor(Date.now() / 1000) * 1000 + 3_600_000);
    const { chainPem } = await prod.issue({ spiffeId: CHECKOUT, notAfter });
    assert.deepEqual(verify(chainPem), {
      ok: true,
      principal: {
        kind: 'workload',
        id: 'workload/prod/payments/checkout',
        method: 'mesh-mtls',
        verifiedBy: 'prod',
        anchor: {
          kind: 'certificate',
          trustDomain: 'prod.local',
          clusterDomain: 'prod.local',
          root: new X509Certificate(prod.certPem).fingerprint256,
        },
        claims: {},
        expiresAt: notAfter.getTime(),
        cluster: 'prod',
        namespace: 'payments',
        serviceAccount: 'checkout',
        spiffeId: CHECKOUT,
      },
    });
  });

  it('follows intermediates, and takes an alias for its cluster', async () => {
    const issuing = await prod.intermediate();
    const spiffeId = 'spiffe://old.example/ns/payments/sa/checkout';
    const { chainPem, certPem } = await issuing.issue({ spiffeId });
    const result = verify(chainPem);
    assert.equal(result.ok && result.principal.id, 'workload/prod/payments/checkout');
    assert.ok(result.ok && result.principal.kind === 'workload');
    assert.equal(result.principal.spiffeId, CHECKOUT);
    assert.equal(verify(certPem).ok, false);
  });

  it('refuses another root', async () => {
    const other = await createAuthority();
    await refused(
      'certificate-untrusted',
      /chains to no root in the bundle of Cluster prod/,
      { spiffeId: CHECKOUT },
      other,
    );
  });

  it('refuses a root of the same name', async () => {
    const impostor = await createAuthority({ commonName: 'prod' });
    await refused('certificate-untrusted', /chains to no root/, { spiffeId: CHECKOUT }, impostor);
  });

  it('refuses the right root with the trust domain of another cluster', async () => {
    await refused(
      'certificate-untrusted',
      /its root belongs to Cluster dev \(trust domain "dev.local"\)/,
      { spiffeId: CHECKOUT },
      dev,
    );
    await refused(
      'certificate-untrusted',
      /declared trust domains are "prod.local", "dev.local"/,
      {
        spiffeId: 'spiffe://nowhere/ns/a/sa/b',
      },
      await createAuthority(),
    );
  });

  it('tells two clusters of one trust domain apart by their roots', async () => {
    const both = trust({
      weu: { domain: 'cluster.local', pem: prod.certPem },
      neu: { domain: 'cluster.local', pem: dev.certPem },
    });
    const spiffeId = 'spiffe://cluster.local/ns/a/sa/b';
    for (const [authority, name] of [
      [prod, 'weu'],
      [dev, 'neu'],
    ] as const) {
      const result = verify((await authority.issue({ spiffeId })).chainPem, both);
      assert.equal(result.ok && result.principal.verifiedBy, name);
    }
    const overlapping = trust({
      weu: { domain: 'cluster.local', pem: prod.certPem },
      neu: { domain: 'cluster.local', pem: dev.certPem + prod.certPem },
    });
    const result = verify((await prod.issue({ spiffeId })).chainPem, overlapping);
    assert.match(result.ok ? '' : result.detail, /weu and neu both vouch/);
  });

  it('refuses no, several and strange URI names', async () => {
    await refused('certificate-identity', /0 URI names/, { commonName: 'x', dnsNames: ['a'] });
    await refused('certificate-identity', /2 URI names/, { uris: [CHECKOUT, CHECKOUT] });
    await refused('certificate-identity', /not spiffe:/, { uris: ['https://prod.local/x'] });
    await refused('certificate-identity', /not spiffe:/, { uris: [`${CHECKOUT}/`] });
    const { chainPem } = await prod.issue({ spiffeId: CHECKOUT, dnsNames: ['also.fine'] });
    assert.ok(verify(chainPem).ok);
  });

  it('refuses an authority as leaf and a certificate for servers only', async () => {
    await refused('certificate-not-leaf', /authority/, { spiffeId: CHECKOUT, isCa: true });
    await refused('certificate-usage', /clientAuth/, { spiffeId: CHECKOUT, usages: ['server'] });
    await refused('certificate-usage', /clientAuth/, { spiffeId: CHECKOUT, usages: [] });
  });

  it('refuses certificates outside their time, leaf or above', async () => {
    const past = new Date(Date.now() - 3_600_000);
    const future = new Date(Date.now() + 3_600_000);
    await refused('certificate-expired', /the certificate ended at/, {
      spiffeId: CHECKOUT,
      notBefore: new Date(0),
      notAfter: past,
    });
    await refused('certificate-expired', /starts at/, { spiffeId: CHECKOUT, notBefore: future });
    const stale = await prod.intermediate({ notBefore: new Date(0), notAfter: past });
    const late = { spiffeId: CHECKOUT, notBefore: new Date(0), notAfter: future };
    await refused('certificate-expired', /above it in the chain ended/, late, stale);
  });

  it('believes nobody whom a leaf or a limited authority vouches for', async () => {
    const leaf = await prod.intermediate({ isCa: true, pathLength: 0 });
    const below = await leaf.intermediate();
    await refused('certificate-untrusted', /no root/, { spiffeId: CHECKOUT }, below);
    const forServers = await prod.intermediate({ usages: ['server'] });
    await refused('certificate-untrusted', /no root/, { spiffeId: CHECKOUT }, forServers);
  });

  it('holds what an authority vouches for to its name constraints', async () => {
    const limited = await prod.intermediate({ onlyUriHost: 'prod.local' });
    const { chainPem } = await limited.issue({ spiffeId: CHECKOUT });
    assert.ok(verify(chainPem).ok);
    const alsoNamed = [{ dnsNames: ['db.example'] }, { ipAddresses: ['::1'] }, { commonName: 'x' }];
    for (const more of alsoNamed) {
      await refused('certificate-untrusted', /no root/, { spiffeId: CHECKOUT, ...more }, limited);
    }
    for (const other of ['dev.local', 'local', 'a.prod.local', '.prod.local', '']) {
      const elsewhere = await prod.intermediate({ onlyUriHost: other });
      await refused('certificate-untrusted', /no root/, { spiffeId: CHECKOUT }, elsewhere);
    }
    const wide = await prod.intermediate({ onlyUriHost: '.local', pathLength: 1 });
    assert.ok(verify((await wide.issue({ spiffeId: CHECKOUT })).chainPem).ok);
    const below = await wide.intermediate({ uris: ['spiffe://elsewhere.example'] });
    await refused('certificate-untrusted', /no root/, { spiffeId: CHECKOUT }, below);
  });

  it('survives unrelated, repeated and too many presented certificates', async () => {
    const { certPem } = await prod.issue({ spiffeId: CHECKOUT });
    const noise = dev.certPem + prod.certPem + certPem;
    assert.ok(verify(certPem + noise).ok);
    assert.equal(verify(certPem + dev.certPem.repeat(20)).ok, false);
  });

  it('keeps the old roots when a bundle becomes unreadable, and says so', async () => {
    const errors: string[] = [];
    const log: Log = { ...silentLog, error: (message) => errors.push(message) };
    const declared = policy({ clusters: [cluster('prod', { trustDomain: 'prod.local' })] });
    const readBroken = { readMaterial: () => 'half a file', log };
    const good = TrustBundles.read(declared, { readMaterial: () => prod.certPem, log });
    const kept = TrustBundles.read(declared, readBroken, good);
    const { chainPem } = await prod.issue({ spiffeId: CHECKOUT });
    assert.ok(verify(chainPem, kept).ok);
    assert.equal(verify(chainPem, TrustBundles.read(declared, readBroken)).ok, false);
    assert.equal(errors.length, 2);
    assert.equal(good.rootsPem.length, 1);
    assert.ok(new X509Certificate(good.rootsPem[0] ?? '').ca);
  });
});
