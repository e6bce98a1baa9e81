// SPDX-License-Identifier: Apache-2.0
import { deepEqual, ok } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { plainObject } from '../../src/compile/istio/artifact.ts';
import { compileCluster } from '../../src/compile/istio/compile-cluster.ts';
import type { JsonObject } from '../../src/compile/kube/object.ts';
import { checkSources } from '../../src/policy/check.ts';
import type { Inbound } from '../support/envoy-inbound.ts';
import { at, type Loose, list, texts } from '../support/envoy-rbac.ts';
import {
  type AskedCall,
  type AskedToken,
  envoyOutcome,
  expectedOutcome,
  inParallel,
  loopbackAddress,
  modelOf,
  modelVerdict,
  spiffeId,
  TokenIssuers,
} from '../support/mesh-agreement.ts';
import { MeshEnvoy } from '../support/mesh-envoy.ts';
import { isOnPath } from '../support/proxies.ts';
import { repositoryFile } from '../support/repository-file.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
const folder = repositoryFile('test/golden');
/** What nobody declares, in every case. */
const STRANGERS = ['stray/pod', 'payments/other', 'old.example/stray/pod', 'evil.example/a/b'];

interface Case {
  readonly name: string;
  readonly inbounds: readonly Inbound[];
  readonly calls: readonly { readonly inbound: Inbound; readonly asked: AskedCall }[];
}

const cases = readdirSync(folder)
  .filter((name) => name.startsWith('mesh-'))
  .flatMap((name) => casesOf(name));

/** The pods that the AuthorizationPolicies of a golden case select, at each port they name. */
function casesOf(name: string): readonly Omit<Case, 'calls'>[] {
  const text = readFileSync(join(folder, name, 'policy.yaml'), 'utf8');
  const { policy } = checkSources([{ path: 'policy.yaml', text }], { nowMs: NOW_MS });
  if (!policy) throw new TypeError(`${name} is no declaration`);
  return [...policy.clusters.values()].flatMap((cluster) => {
    if (cluster.istio?.dataPlane !== 'Sidecar') return [];
    const compiled = compileCluster(policy, cluster, NOW_MS);
    const objects = compiled.artifacts.map((one) => plainObject(one) as Loose);
    const policies = objects.filter(({ kind }) => kind === 'AuthorizationPolicy');
    if (policies.length === 0) return [];
    const pods = new Map(
      policies.map((one) => {
        const { namespace } = at(one, 'metadata');
        const labels = at(at(at(one, 'spec'), 'selector'), 'matchLabels');
        return [JSON.stringify([namespace, labels]), { namespace: String(namespace), labels }];
      }),
    );
    const trustDomains = [cluster.trustDomain, ...cluster.trustDomainAliases];
    const inbounds = [...pods.values()].flatMap(({ namespace, labels }) => {
      const isHttp = objects.some(({ kind }) => kind === 'RequestAuthentication');
      return [...portsIn(policies), 9999].map((port) => ({
        ...{ address: '', port, namespace, labels: labels as Record<string, string> },
        protocol: isHttp ? ('http' as const) : ('tcp' as const),
        objects,
        names: { rootNamespace: 'istio-system', trustDomains },
        keys: new Map<string, string>(),
      }));
    });
    return [{ name: `${name} in ${cluster.name}`, inbounds }];
  });
}

function operations(policies: readonly Loose[]): readonly Loose[] {
  const rules = policies.flatMap((one) => list(at(one, 'spec')['rules']));
  return rules.flatMap((rule) => list(rule['to']).map((one) => at(one, 'operation')));
}

function portsIn(policies: readonly Loose[]): ReadonlySet<number> {
  const ports = operations(policies).flatMap((one) => [
    ...texts(one['ports']),
    ...texts(one['notPorts']),
  ]);
  return new Set(ports.map(Number));
}

/** Everybody that is named, and some that are not, with and without what the rules ask for. */
function callsTo(inbound: Inbound, issuers: TokenIssuers): readonly AskedCall[] {
  const policies = inbound.objects.filter(({ kind }) => kind === 'AuthorizationPolicy');
  const sources = policies
    .flatMap((one) => list(at(one, 'spec')['rules']))
    .flatMap((rule) => list(rule['from']).map((one) => at(one, 'source')));
  const named = sources.flatMap((one) => [
    ...texts(one['principals']),
    ...texts(one['notPrincipals']),
  ]);
  const ids = [
    ...named.map((principal) => `spiffe://${principal.replace('*', 'any')}`),
    ...STRANGERS.map(spiffeId),
  ];
  const callers = [undefined, ...new Set(ids)];
  const who = (id: string | undefined) => (id === undefined ? {} : { spiffeId: id });
  if (inbound.protocol === 'tcp') return callers.map(who);
  const ops = operations(policies);
  const paths = new Set([...ops.flatMap((one) => texts(one['paths'])), '/elsewhere']);
  const [method = 'GET'] = ops.flatMap((one) => texts(one['methods']));
  const requests = [...paths].flatMap((path) => [
    { path: path.replace('*', 'x'), method },
    { path: path.replace('*', 'x'), method: 'DELETE' },
  ]);
  const tokens = [undefined, ...tokensFor(inbound, policies, issuers)];
  // Each kind of request by two of them; the others differ in nothing but the name.
  return callers.flatMap((id, index) =>
    (index < 2 ? requests : requests.slice(0, 1)).flatMap((request) =>
      tokens.map((token) => ({ ...who(id), ...request, ...(token && { token }) })),
    ),
  );
}

/** One for each rule's conditions with each of its issuers, one that lacks a claim, one for others. */
function tokensFor(
  inbound: Inbound,
  policies: readonly Loose[],
  issuers: TokenIssuers,
): readonly AskedToken[] {
  const jwtRules = inbound.objects
    .filter(({ kind }) => kind === 'RequestAuthentication')
    .flatMap((one) => list(at(one, 'spec')['jwtRules']));
  const conditions = policies
    .flatMap((one) => list(at(one, 'spec')['rules']))
    .map((rule) => list(rule['when']))
    .filter((when) => when.length > 0);
  return conditions.flatMap((when) => {
    const claims: JsonObject = Object.fromEntries(
      when.map(({ key, values }) => [
        /\[(.+)\]/.exec(String(key))?.[1] ?? '',
        (texts(values)[0] ?? '').replace('*', 'main'),
      ]),
    );
    const { iss, ...own } = claims;
    const issuer = String(iss);
    const audience = jwtRules.find((rule) => rule['issuer'] === issuer)?.['audiences'];
    const aud = texts(audience)[0] ?? '';
    const [missing = ''] = Object.keys(own);
    const { [missing]: _, ...less } = own;
    return [
      issuers.token(issuer, { aud, ...own }),
      issuers.token(issuer, { aud, ...less }),
      issuers.token(issuer, { aud: 'elsewhere', ...own }),
      issuers.token(issuer, { aud, ...own }, false),
    ];
  });
}

function issuersOf(all: readonly Inbound[]): readonly string[] {
  const rules = all
    .flatMap(({ objects }) => objects)
    .flatMap((one) => list(at(one, 'spec')['jwtRules']));
  return [...new Set(rules.map(({ issuer }) => String(issuer)))];
}

const missing = isOnPath('envoy') ? false : 'Envoy is not installed';

describe('the model of the mesh and a real Envoy, on the golden cases', { skip: missing }, () => {
  const issuers = new TokenIssuers(issuersOf(cases.flatMap(({ inbounds }) => inbounds)));
  let next = 0;
  const asked: readonly Case[] = cases.map(({ name, inbounds }) => {
    const placed = inbounds.map((one) => {
      const address = loopbackAddress(next);
      next += 1;
      return { ...one, address, keys: issuers.keys };
    });
    const calls = placed.flatMap((inbound) =>
      callsTo(inbound, issuers).map((call) => ({ inbound, asked: call })),
    );
    return { name, inbounds: placed, calls };
  });
  let envoy: MeshEnvoy;
  before(async () => {
    envoy = await MeshEnvoy.start(asked.flatMap(({ inbounds }) => inbounds));
  });
  after(() => envoy?.stop());

  for (const { name, calls } of asked) {
    it(name, async () => {
      const differing: object[] = [];
      const effects = new Set<string>();
      await inParallel(calls, async ({ inbound, asked: call }) => {
        const verdict = modelVerdict(modelOf(inbound), inbound, call);
        const real = await envoyOutcome(envoy, inbound, call);
        effects.add(real);
        if (real === expectedOutcome(verdict, inbound.protocol)) return;
        const { port } = inbound;
        differing.push({ port, real, why: verdict.why, detail: verdict.detail, call });
      });
      deepEqual(differing.slice(0, 3), [], `${differing.length} of ${calls.length} differ`);
      ok(effects.size > 1, `only ${[...effects]}: the case asks nothing`);
    });
  }

  it('covers what sidecars are given to enforce', () => {
    const names = asked.map(({ name }) => name.split(' ')[0]);
    for (const name of ['mesh-mariadb-workload', 'mesh-entra-api', 'mesh-azure-ml']) {
      ok(names.includes(name), name);
    }
  });
});
