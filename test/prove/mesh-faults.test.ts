// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { agrees } from '../../src/prove/proof.ts';
import { httpDeclaration, sqlDeclaration } from '../support/proof-declarations.ts';
import {
  addObject,
  asDeclared,
  caseText,
  checkedPolicy,
  editObject,
  type Planted,
  proofOf,
} from '../support/proof-world.ts';

const BASES = {
  sidecar: () => asDeclared(checkedPolicy(sqlDeclaration())),
  ambient: () => asDeclared(checkedPolicy(sqlDeclaration({ dataPlane: 'Ambient' }))),
  http: () => asDeclared(checkedPolicy(httpDeclaration())),
  'one port': () => asDeclared(checkedPolicy(httpDeclaration({ modelsPort: 443 }))),
};

interface Fault {
  readonly name: string;
  readonly base: keyof typeof BASES;
  readonly plant: (planted: Planted) => void;
  /** Every counter-example there is to be, least ones first in their own words. */
  readonly found: readonly string[];
  /** What decides, of the first. */
  readonly by: RegExp;
  /** What the declaration says instead, of the first. */
  readonly declared: RegExp;
}

const DATABASE = { matchLabels: { app: 'orders' } };
const ALLOW = 'AuthorizationPolicy/data/postern-orders-allow';
const DENY = 'AuthorizationPolicy/data/postern-orders-deny';
const PEER = 'PeerAuthentication/data/postern-orders';
const GATEWAY_NETWORK = 'NetworkPolicy/postern-system/postern';
const HTTP_ALLOW = 'AuthorizationPolicy/postern-system/postern-http-allow';
const TOKENS = 'RequestAuthentication/postern-system/postern-tokens';
const ONLY_POSTERN = /^deny: Only Postern and databases\/operator may reach it/;
const GROUP = 'user/entra/* in group entra/8c1e0000-0000-0000-0000-000000000000';
const TENANT = '11111111-2222-3333-4444-555555555555';
const V1 = `(token of https://sts.windows.net/${TENANT}/)`;
const V2 = `(token of https://login.microsoftonline.com/${TENANT}/v2.0)`;
const POSTERN_REFUSED = 'refuses mesh data/orders: workload/prod/postern-system/postern connect';

const policyOf = (name: string, namespace: string, spec: object) => ({
  apiVersion: 'security.istio.io/v1',
  kind: 'AuthorizationPolicy',
  metadata: { name, namespace },
  spec,
});
const rulesOf = (spec: object) => (spec as { rules: Record<string, unknown>[] }).rules;
const ingressOf = (spec: object) => (spec as { ingress: Record<string, unknown>[] }).ingress;
const rule = (spec: object, at: number) => rulesOf(spec)[at] as Record<string, never>;
const edit = (id: string, change: (spec: Record<string, unknown>) => void) => (planted: Planted) =>
  editObject(planted, id, ({ spec }) => change(spec));
const withoutDeny = (planted: Planted) => editObject(planted, DENY, undefined);
const both =
  (...plants: readonly ((planted: Planted) => void)[]) =>
  (planted: Planted) => {
    for (const plant of plants) plant(planted);
  };

const FAULTS: readonly Fault[] = [
  {
    name: 'the ALLOW lets every other port through and forgets which one is the database',
    base: 'sidecar',
    plant: both(
      withoutDeny,
      edit(ALLOW, (spec) => {
        rulesOf(spec)[1] = { to: [{ operation: { notPorts: ['3307'] } }] };
      }),
    ),
    found: ['exceeds mesh data/orders: workload/prod/databases/* connect'],
    by: /^AuthorizationPolicy\/data\/postern-orders-allow$/,
    declared: ONLY_POSTERN,
  },
  {
    name: 'the port of an API is missing among those that an ALLOW leaves open',
    base: 'http',
    plant: edit(HTTP_ALLOW, (spec) => {
      rulesOf(spec)[rulesOf(spec).length - 1] = { to: [{ operation: { notPorts: ['8443'] } }] };
    }),
    found: ['exceeds mesh ml/models: workload/prod/tools/* connect GET /models'],
    by: /postern-http-allow/,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'a widened DENY keeps Postern itself out',
    base: 'sidecar',
    plant: edit(DENY, (spec) => {
      rulesOf(spec)[0] = { to: [{ operation: { ports: ['3306'] } }] };
    }),
    found: [POSTERN_REFUSED],
    by: /postern-orders-deny/,
    declared: /^allow: Postern is to reach it/,
  },
  {
    name: 'a DENY with a field of HTTP denies every byte of TCP',
    base: 'sidecar',
    plant: (planted) =>
      addObject(
        planted,
        policyOf('no-admin', 'data', {
          selector: DATABASE,
          action: 'DENY',
          rules: [{ to: [{ operation: { paths: ['/admin'] } }] }],
        }),
      ),
    found: [POSTERN_REFUSED],
    by: /AuthorizationPolicy\/data\/no-admin/,
    declared: /^allow: Postern is to reach it/,
  },
  {
    name: 'ztunnel passes over a rule that has a condition on a token',
    base: 'ambient',
    plant: edit('AuthorizationPolicy/postern-system/postern-allow', (spec) => {
      rule(spec, 0)['when'] = [
        { key: 'request.auth.claims[iss]', values: ['https://a.example'] },
      ] as never;
    }),
    found: [
      'refuses mesh data/ledger: workload/prod/reports/nightly connect',
      'refuses mesh data/orders: workload/prod/payments/checkout connect',
    ],
    by: /postern-allow/,
    declared: /^allow: It is declared by Grant\/data\/reports/,
  },
  {
    name: 'a PERMISSIVE port connects callers without a certificate before it judges them',
    base: 'sidecar',
    plant: edit(PEER, (spec) => {
      spec['portLevelMtls'] = { '3306': { mode: 'PERMISSIVE' } };
    }),
    found: ['exceeds mesh data/orders: plaintext from prod/databases connect'],
    by: /postern-orders-deny/,
    declared: /^deny: The mesh is to be STRICT/,
  },
  {
    name: 'a PERMISSIVE Postern takes a token for a certificate',
    base: 'http',
    plant: edit('PeerAuthentication/postern-system/postern', (spec) => {
      spec['mtls'] = { mode: 'PERMISSIVE' };
    }),
    found: [
      `exceeds mesh ml/tracking: ${GROUP} ${V1} by plaintext from prod/* connect GET /api/2.0/x-y`,
    ],
    by: /postern-http-allow/,
    declared: /^deny: The mesh is to be STRICT/,
  },
  {
    name: 'portLevelMtls DISABLE takes the certificate of everybody',
    base: 'sidecar',
    plant: edit(PEER, (spec) => {
      spec['portLevelMtls'] = { '3306': { mode: 'DISABLE' } };
    }),
    found: ['exceeds mesh data/orders: plaintext from prod/databases connect', POSTERN_REFUSED],
    by: /postern-orders-deny/,
    declared: /^deny: The mesh is to be STRICT/,
  },
  {
    name: 'a trust domain that the declaration has left is still one of the mesh',
    base: 'sidecar',
    plant: (planted) => {
      const old = asDeclared(checkedPolicy(sqlDeclaration({ alias: true })));
      planted.meshes = planted.meshes.map((mesh, index) => ({
        ...mesh,
        objects: old.meshes[index]?.objects ?? [],
        facts: { ...mesh.facts, trustDomainAliases: ['old.example'] },
      }));
    },
    found: [
      'exceeds mesh data/ledger: spiffe://old.example/ns/postern-system/sa/postern of prod connect',
      'exceeds mesh data/orders: spiffe://old.example/ns/postern-system/sa/postern of prod connect',
    ],
    by: /postern-ledger-allow/,
    declared: /^deny: Only Postern/,
  },
  {
    name: 'certificates of a second cluster with the same trust domain verify',
    base: 'ambient',
    plant: (planted) => {
      planted.meshes = planted.meshes.map((mesh) => ({ ...mesh, trusts: new Set(['dev']) }));
    },
    found: [
      'exceeds mesh data/ledger: workload/dev/reports/nightly connect',
      'exceeds mesh data/ledger: workload/dev/postern-system/postern connect',
      'exceeds mesh data/orders: workload/dev/payments/checkout connect',
      'exceeds mesh data/orders: workload/dev/postern-system/postern connect',
    ],
    by: /AuthorizationPolicy\/postern-system\/postern-allow/,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'the NetworkPolicy of Postern is gone',
    base: 'sidecar',
    plant: (planted) => editObject(planted, GATEWAY_NETWORK, undefined),
    found: [
      'exceeds mesh data/ledger: workload/prod/*/* connect',
      'exceeds mesh data/orders: workload/prod/*/* connect',
    ],
    by: /^no object for postern-system$/,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'a NetworkPolicy lets every namespace in',
    base: 'sidecar',
    plant: edit(GATEWAY_NETWORK, (spec) => {
      (ingressOf(spec)[0] as Record<string, unknown>)['from'] = [{ namespaceSelector: {} }];
    }),
    found: ['exceeds mesh data/orders: workload/prod/*/* connect'],
    by: /^no object|NetworkPolicy/,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'a NetworkPolicy selects no pod any more',
    base: 'sidecar',
    plant: edit(GATEWAY_NETWORK, (spec) => {
      spec['podSelector'] = { matchLabels: { 'app.kubernetes.io/name': 'posterm' } };
    }),
    found: [
      'exceeds mesh data/ledger: workload/prod/*/* connect',
      'exceeds mesh data/orders: workload/prod/*/* connect',
    ],
    by: /^no object/,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'a NetworkPolicy of somebody else lets one more namespace in',
    base: 'sidecar',
    plant: (planted) =>
      addObject(planted, {
        apiVersion: 'networking.k8s.io/v1',
        kind: 'NetworkPolicy',
        metadata: { name: 'debug', namespace: 'postern-system' },
        spec: {
          podSelector: {},
          policyTypes: ['Ingress'],
          ingress: [
            {
              from: [
                {
                  namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'scratch' } },
                },
              ],
              ports: [{ protocol: 'TCP', port: 3306 }],
            },
          ],
        },
      }),
    found: ['exceeds mesh data/orders: workload/prod/scratch/* connect'],
    by: /./,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'an operator that nobody declared is spared by the DENY and let in by the ALLOW',
    base: 'sidecar',
    plant: both(
      ...[ALLOW, DENY].map((id) =>
        edit(id, (spec) => {
          const [from] = (rulesOf(spec)[0]?.['from'] ?? []) as {
            source: Record<string, string[]>;
          }[];
          for (const names of Object.values(from?.source ?? {})) {
            names.push('cluster.local/ns/backup/sa/nightly');
          }
        }),
      ),
      (planted) =>
        editObject(planted, 'NetworkPolicy/data/postern-orders', ({ spec }) => {
          const [first] = ingressOf(spec);
          ((first?.['from'] ?? []) as object[]).push({
            namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'backup' } },
          });
        }),
    ),
    found: ['exceeds mesh data/orders: workload/prod/backup/nightly connect'],
    by: /postern-orders-allow/,
    declared: ONLY_POSTERN,
  },
  {
    name: 'a RequestAuthentication lacks an issuer',
    base: 'http',
    plant: edit(TOKENS, (spec) => {
      const rules = spec['jwtRules'] as { issuer: string }[];
      spec['jwtRules'] = rules.filter(({ issuer }) => !issuer.endsWith('/v2.0'));
    }),
    found: [
      `refuses mesh ml/tracking: ${GROUP} ${V2} by workload/prod/*/* connect GET /api/2.0/x-y`,
    ],
    by: /postern-tokens/,
    declared: /^allow: /,
  },
  {
    name: 'a RequestAuthentication lets tokens for somebody else count',
    base: 'http',
    plant: edit(TOKENS, (spec) => {
      for (const one of spec['jwtRules'] as Record<string, unknown>[]) delete one['audiences'];
    }),
    found: [
      `exceeds mesh ml/tracking: ${GROUP} with a token for somebody else ${V1} by workload/prod/*/* connect GET /api/2.0/x-y`,
    ],
    by: /postern-http-allow/,
    declared: /^deny: No Grant names whom the token stands for/,
  },
  {
    name: 'an ALLOW that was emptied allows nobody',
    base: 'sidecar',
    plant: edit(ALLOW, (spec) => {
      delete spec['rules'];
    }),
    found: [POSTERN_REFUSED],
    by: /AuthorizationPolicy\/data\/postern-orders-allow|^no object/,
    declared: /^allow: Postern is to reach it/,
  },
  {
    name: 'the selector of an ALLOW was changed, and it selects nothing',
    base: 'http',
    plant: edit(HTTP_ALLOW, (spec) => {
      spec['selector'] = { matchLabels: { 'app.kubernetes.io/name': 'posterm' } };
    }),
    found: [
      'exceeds mesh ml/models: workload/prod/tools/* connect GET /models',
      'exceeds mesh ml/tracking: workload/prod/*/* connect GET /api/2.0/x-y',
    ],
    by: /^no object for postern-system$/,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'a path of an API was widened',
    base: 'http',
    plant: edit(HTTP_ALLOW, (spec) => {
      for (const one of rulesOf(spec)) {
        const [to] = one['to'] as { operation: Record<string, unknown> }[];
        const isTracking = String(to?.operation['paths']) === '/api/2.0/*';
        if (to && isTracking && one['from']) to.operation['paths'] = ['/api/*'];
      }
    }),
    found: ['exceeds mesh ml/tracking: workload/prod/tools/nightly connect GET /api/x-y'],
    by: /postern-http-allow/,
    declared: /^deny: /,
  },
  {
    name: 'a method of an API was added',
    base: 'http',
    plant: edit(HTTP_ALLOW, (spec) => {
      for (const one of rulesOf(spec)) {
        const [to] = one['to'] as { operation: Record<string, string[]> }[];
        if (one['from'] && to?.operation['ports']?.includes('8080')) {
          to.operation['methods']?.push('DELETE');
        }
      }
    }),
    found: ['exceeds mesh ml/models: workload/prod/tools/nightly connect DELETE /models'],
    by: /postern-http-allow/,
    declared: /^deny: /,
  },
  {
    name: 'an ALLOW of somebody else opens an API to one more service account',
    base: 'http',
    plant: (planted) =>
      addObject(
        planted,
        policyOf('analytics', 'postern-system', {
          selector: { matchLabels: { 'app.kubernetes.io/name': 'postern' } },
          rules: [{ from: [{ source: { principals: ['cluster.local/ns/tools/sa/analyst'] } }] }],
        }),
      ),
    found: [
      'exceeds mesh ml/models: workload/prod/tools/analyst connect GET /models',
      'exceeds mesh ml/tracking: workload/prod/tools/analyst connect GET /api/2.0/x-y',
    ],
    by: /AuthorizationPolicy\/postern-system\/analytics/,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'a rule forgets the names by which APIs on one port are told apart',
    base: 'one port',
    plant: edit(HTTP_ALLOW, (spec) => {
      for (const one of rulesOf(spec)) {
        const [to] = one['to'] as { operation: Record<string, string[]> }[];
        if (one['when']) delete to?.operation['hosts'];
      }
    }),
    found: [`exceeds mesh ml/models: ${GROUP} ${V1} by workload/prod/*/* connect GET /api/2.0/x-y`],
    by: /postern-http-allow/,
    declared: /^deny: /,
  },
  {
    name: 'the label that sends callers through the waypoint is gone',
    base: 'ambient',
    plant: (planted) =>
      editObject(planted, 'Service/postern-system/orders-db', ({ metadata }) => {
        metadata['labels'] = {};
      }),
    found: ['refuses mesh data/orders: workload/prod/payments/checkout connect'],
    by: /^Service\/postern-system\/orders-db$/,
    declared: /^allow: It is declared by Grant\/data\/checkout/,
  },
  {
    name: 'a Service leads to another port',
    base: 'sidecar',
    plant: edit('Service/postern-system/ledger-db', (spec) => {
      const [port] = spec['ports'] as Record<string, unknown>[];
      if (port) port['targetPort'] = 3306;
    }),
    found: ['refuses mesh data/ledger: workload/prod/reports/nightly connect'],
    by: /^Service\/postern-system\/ledger-db$/,
    declared: /^allow: It is declared by Grant\/data\/reports/,
  },
  {
    name: 'what an expired Grant rendered is still in the mesh',
    base: 'sidecar',
    plant: (planted) => {
      planted.meshes = asDeclared(planted.policy, Date.UTC(2026, 0, 5)).meshes.map(
        (mesh, index) => ({ ...mesh, context: planted.meshes[index]?.context ?? mesh.context }),
      );
    },
    found: ['exceeds mesh data/orders: workload/prod/moving/* connect'],
    by: /./,
    declared: /^deny: No Grant names it/,
  },
  {
    name: 'a DENY for the whole mesh takes what is declared',
    base: 'ambient',
    plant: (planted) =>
      addObject(
        planted,
        policyOf('freeze', 'istio-system', {
          action: 'DENY',
          rules: [{ from: [{ source: { namespaces: ['payments'] } }] }],
        }),
      ),
    found: ['refuses mesh data/orders: workload/prod/payments/checkout connect'],
    by: /AuthorizationPolicy\/istio-system\/freeze/,
    declared: /^allow: It is declared by Grant\/data\/checkout/,
  },
];

describe('faults planted into a mesh', () => {
  for (const [name, base] of Object.entries(BASES)) {
    it(`finds none in ${name} as it is rendered`, () => {
      const proof = proofOf({ ...base(), databases: new Map() });
      deepEqual(proof.counterExamples, []);
      ok(agrees(proof), JSON.stringify(proof.layers));
      ok(proof.layers.some(({ layer, status }) => layer === 'mesh' && status === 'agrees'));
    });
  }

  for (const { name, base, plant, found, by, declared } of FAULTS) {
    it(`${base}: ${name}`, () => {
      const planted = { ...BASES[base](), databases: new Map() };
      plant(planted);
      const proof = proofOf(planted);
      const texts = proof.counterExamples.map(caseText);
      deepEqual(texts, found);
      const [first] = proof.counterExamples;
      match(first?.by ?? '', by);
      match(`${first?.declared.effect}: ${first?.declared.text}`, declared);
      equal(agrees(proof), false);
    });
  }

  it('says what it does not understand instead of agreeing', () => {
    const planted = BASES.sidecar();
    addObject(planted, {
      apiVersion: 'networking.istio.io/v1alpha3',
      kind: 'EnvoyFilter',
      metadata: { name: 'odd', namespace: 'data' },
      spec: {},
    });
    const proof = proofOf({ ...planted, databases: new Map() });
    deepEqual(proof.counterExamples, []);
    equal(agrees(proof), false);
    const mesh = proof.layers.filter(({ layer }) => layer === 'mesh');
    ok(mesh.every(({ status, text }) => status === 'undecided' && text.includes('EnvoyFilter')));
  });
});
