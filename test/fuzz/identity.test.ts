// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { verifyClientCertificate } from '../../src/identity/client-certificate.ts';
import { azureDevops } from '../../src/identity/presets/azure-devops.ts';
import { entra } from '../../src/identity/presets/entra.ts';
import { generic } from '../../src/identity/presets/generic.ts';
import { github } from '../../src/identity/presets/github.ts';
import { gitlab } from '../../src/identity/presets/gitlab.ts';
import { serviceAccount } from '../../src/identity/presets/kubernetes.ts';
import { okta } from '../../src/identity/presets/okta.ts';
import { IdentityResolver } from '../../src/identity/resolver.ts';
import { UNPRINTABLE } from '../../src/identity/result.ts';
import { formatWorkloadSpiffeId, parseWorkloadSpiffeId } from '../../src/identity/spiffe-id.ts';
import { parseCertificates, TrustBundles } from '../../src/identity/trust-bundles.ts';
import { parseToken } from '../../src/identity/unverified-token.ts';
import { silentLog } from '../../src/model/log.ts';
import { Secret } from '../../src/model/secret.ts';
import { createAuthority } from '../support/certs.ts';
import { CLAIM_SETS, TENANT } from '../support/claim-sets.ts';
import { ManualClock } from '../support/manual-clock.ts';
import { cluster, policy, provider } from '../support/policy.ts';
import { Random } from '../support/random.ts';
import { SigningKey } from '../support/token-maker.ts';
import { type FuzzTarget, fuzz, fuzzOptions } from './fuzz.ts';
import { mutate } from './mutate.ts';

const options = fuzzOptions(process.env);
const ISSUER = 'https://idp.example';
const idp = provider('idp', { tenant: TENANT });
const prod = cluster('prod', { trustDomain: 'prod.local' });
const SPIFFE_ID = 'spiffe://prod.local/ns/payments/sa/checkout';
const key = new SigningKey('ES256', 'k1');
const clock = new ManualClock();
const seconds = clock.now() / 1000;

const tokens = Object.values(CLAIM_SETS).map((claims) =>
  key.sign({ iss: ISSUER, iat: seconds, exp: seconds + 3600, ...claims, aud: 'postern' }),
);

const tokenTarget: FuzzTarget = {
  name: 'parseToken',
  seeds: tokens.map((token) => Buffer.from(token)),
  run(input) {
    const parsed = parseToken(input.toString('latin1'));
    if (parsed.ok) assert.equal(typeof parsed.token.issuer, 'string');
    else assert.ok(!UNPRINTABLE.test(parsed.detail), parsed.detail);
  },
};

const presets = [entra, okta, github, gitlab, azureDevops, generic];

const claimsTarget: FuzzTarget = {
  name: 'presets',
  seeds: Object.values(CLAIM_SETS).map((claims) => Buffer.from(JSON.stringify(claims))),
  run(input) {
    const claims = parsed(input);
    if (typeof claims !== 'object' || claims === null) return;
    const made = [
      ...presets.map((preset) => preset(claims as Record<string, unknown>, idp)),
      serviceAccount(claims as Record<string, unknown>, prod),
    ];
    for (const result of made) {
      const shown = result.ok ? result.described.id : result.detail;
      assert.ok(!UNPRINTABLE.test(shown), shown);
      if (result.ok) assert.match(shown, /^(user|ci|agent|workload)\/(idp|prod)\/./u);
    }
  },
};

const spiffeTarget: FuzzTarget = {
  name: 'parseWorkloadSpiffeId',
  seeds: [Buffer.from(SPIFFE_ID), Buffer.from('spiffe://a.b-c_d/ns/x/sa/y.z')],
  run(input) {
    const text = input.toString('latin1');
    const id = parseWorkloadSpiffeId(text);
    if (id) assert.equal(formatWorkloadSpiffeId(id), text);
  },
};

function parsed(input: Buffer): unknown {
  try {
    return JSON.parse(input.toString('utf8'));
  } catch {
    return undefined;
  }
}

async function certificateTarget(): Promise<FuzzTarget> {
  const authority = await createAuthority();
  const intermediate = await authority.intermediate();
  const direct = await authority.issue({ spiffeId: SPIFFE_ID });
  const indirect = await intermediate.issue({ spiffeId: SPIFFE_ID, dnsNames: ['also'] });
  const leaves = [direct, indirect].map((one) => new X509Certificate(one.certPem));
  const above = parseCertificates(intermediate.certPem);
  const bundles = TrustBundles.read(policy({ clusters: [prod] }), {
    readMaterial: () => authority.certPem,
    log: silentLog,
  });
  const genuine = new Set(leaves.map((leaf) => leaf.fingerprint256));
  return {
    name: 'verifyClientCertificate',
    seeds: leaves.map((leaf) => Buffer.from(leaf.raw)),
    run(input) {
      const leaf = readCertificate(input);
      if (!leaf) return;
      const how = { method: 'mesh-mtls', nowMs: Date.now() } as const;
      const result = verifyClientCertificate([leaf, ...above], bundles, how);
      // Whatever was changed, what is accepted must be what the authority signed.
      assert.equal(result.ok, genuine.has(leaf.fingerprint256));
    },
  };
}

function readCertificate(der: Buffer): X509Certificate | undefined {
  try {
    return new X509Certificate(der);
  } catch {
    return undefined;
  }
}

describe('fuzz: identity', () => {
  let certificates: FuzzTarget;
  before(async () => {
    certificates = await certificateTarget();
  });

  for (const target of [tokenTarget, claimsTarget, spiffeTarget]) {
    it(target.name, () => {
      assert.ok(fuzz(target, options) > 0);
    });
  }

  it('verifyClientCertificate', () => {
    assert.ok(fuzz(certificates, options) > 0);
  });

  it('verifyToken accepts only what the issuer signed', async () => {
    const resolver = new IdentityResolver({
      policy: policy({ providers: [provider('idp', { issuers: [ISSUER] })] }),
      clock,
      log: silentLog,
      readMaterial: () => '',
      fetchJson: async (url) =>
        url.endsWith('/keys')
          ? { keys: [key.jwk()] }
          : { issuer: ISSUER, jwks_uri: `${ISSUER}/keys` },
    });
    const random = new Random(options.seed);
    const signed = new Set(tokens.map(signedPart));
    const end = performance.now() + options.durationMs;
    let accepted = 0;
    for (let inputs = 0; performance.now() < end || inputs < 100; inputs += 1) {
      const text = tokens[inputs] ?? mutate(random, tokenTarget.seeds).toString('latin1');
      const result = await resolver.verifyToken(new Secret(text));
      if (!result.ok) continue;
      accepted += 1;
      assert.ok(signed.has(signedPart(text)), `seed ${options.seed}: ${text}`);
    }
    assert.ok(accepted > 0);
  });
});

function signedPart(token: string): string {
  return token.slice(0, token.lastIndexOf('.'));
}
