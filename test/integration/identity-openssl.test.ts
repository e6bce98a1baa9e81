// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { verifyClientCertificate } from '../../src/identity/client-certificate.ts';
import { parseCertificates, TrustBundles } from '../../src/identity/trust-bundles.ts';
import { silentLog } from '../../src/model/log.ts';
import { type Authority, createAuthority } from '../support/certs.ts';
import { cluster, policy } from '../support/policy.ts';

const SPIFFE_ID = 'spiffe://prod.local/ns/payments/sa/checkout';
const PAST = { notBefore: new Date(0), notAfter: new Date(Date.now() - 60_000) };
const installed = spawnSync('openssl', ['version']).status === 0;

interface Case {
  readonly name: string;
  /** Leaf first. */
  readonly chain: string;
  /** Of ours; OpenSSL knows nothing of SPIFFE, so it may accept more. */
  readonly accepted: boolean;
}

let directory: string;
let root: Authority;

async function cases(): Promise<readonly Case[]> {
  const below = async (authority: Authority, request = {}) =>
    (await authority.issue({ spiffeId: SPIFFE_ID, ...request })).chainPem;
  const issuing = await root.intermediate();
  const deep = await (await root.intermediate({ pathLength: 1 })).intermediate({ commonName: 'b' });
  const tooDeep = await issuing.intermediate({ commonName: 'below' });
  const serversOnly = await root.intermediate({ usages: ['server'] });
  const limited = await root.intermediate({ onlyUriHost: 'prod.local' });
  const elsewhere = await root.intermediate({ onlyUriHost: 'dev.local' });
  const stale = await root.intermediate(PAST);
  const stranger = await createAuthority();
  const crossed = (await issuing.issue({ spiffeId: SPIFFE_ID })).certPem;
  return [
    { name: 'direct', chain: await below(root), accepted: true },
    { name: 'one intermediate', chain: await below(issuing), accepted: true },
    { name: 'two intermediates', chain: await below(deep), accepted: true },
    { name: 'server only', chain: await below(root, { usages: ['server'] }), accepted: false },
    { name: 'expired', chain: await below(root, PAST), accepted: false },
    { name: 'path too long', chain: await below(tooDeep), accepted: false },
    { name: 'authority for servers', chain: await below(serversOnly), accepted: false },
    { name: 'permitted trust domain', chain: await below(limited), accepted: true },
    { name: 'trust domain not permitted', chain: await below(elsewhere), accepted: false },
    {
      name: 'a DNS name as well',
      chain: await below(limited, { dnsNames: ['db.example'] }),
      accepted: false,
    },
    {
      name: 'an address as well',
      chain: await below(limited, { ipAddresses: ['127.0.0.1'] }),
      accepted: false,
    },
    {
      name: 'a DNS name as subject',
      chain: await below(limited, { commonName: 'db.data.example' }),
      accepted: false,
    },
    { name: 'expired authority', chain: await below(stale), accepted: false },
    { name: 'another root', chain: await below(stranger), accepted: false },
    { name: 'intermediate missing', chain: crossed, accepted: false },
    { name: 'authority as leaf', chain: await below(root, { isCa: true }), accepted: false },
  ];
}

function openssl(chain: string): boolean {
  const [leaf = '', ...above] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
  const at = (name: string) => join(directory, name);
  writeFileSync(at('root.pem'), root.certPem);
  writeFileSync(at('leaf.pem'), leaf);
  writeFileSync(at('above.pem'), above.join(''));
  const untrusted = above.join('') === '' ? [] : ['-untrusted', at('above.pem')];
  const roots = ['-no-CApath', '-no-CAstore', '-CAfile', at('root.pem')];
  const how = ['-x509_strict', '-purpose', 'sslclient', ...roots, ...untrusted];
  return spawnSync('openssl', ['verify', ...how, at('leaf.pem')]).status === 0;
}

describe('identity-openssl', { skip: installed ? false : 'openssl is not installed' }, () => {
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postern-openssl-'));
    root = await createAuthority();
  });
  after(() => rmSync(directory, { recursive: true, force: true }));

  it('never accepts a chain that OpenSSL refuses', async () => {
    const bundles = TrustBundles.read(
      policy({ clusters: [cluster('prod', { trustDomain: 'prod.local' })] }),
      { readMaterial: () => root.certPem, log: silentLog },
    );
    for (const { name, chain, accepted } of await cases()) {
      const how = { method: 'mesh-mtls', nowMs: Date.now() } as const;
      const ours = verifyClientCertificate(parseCertificates(chain), bundles, how);
      assert.equal(ours.ok, accepted, name);
      if (ours.ok) assert.ok(openssl(chain), `OpenSSL refuses: ${name}`);
      // An authority may be a TLS peer for OpenSSL; a workload is none for us.
      else if (name !== 'authority as leaf') assert.ok(!openssl(chain), `OpenSSL accepts: ${name}`);
    }
  });
});
