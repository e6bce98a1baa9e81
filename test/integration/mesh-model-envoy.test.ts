// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { parseAllDocuments } from 'yaml';
import type { Inbound } from '../support/envoy-inbound.ts';
import type { Loose } from '../support/envoy-rbac.ts';
import {
  type AskedCall,
  envoyOutcome,
  expectedOutcome,
  loopbackAddress,
  modelOf,
  modelVerdict,
  spiffeId,
  TokenIssuers,
} from '../support/mesh-agreement.ts';
import { MeshEnvoy, type Outcome } from '../support/mesh-envoy.ts';
import { isOnPath } from '../support/proxies.ts';

const ISSUER = 'https://login.example/tenant/v2.0';
const ACTIONS_ISSUER = 'https://token.actions.example';
const issuers = new TokenIssuers([ISSUER, ACTIONS_ISSUER]);

/** A name such as `payments/checkout`, or `plaintext`, with what it asks for, and what it gets. */
type Ask = readonly [who: string, expected: Outcome, more?: Omit<AskedCall, 'spiffeId'>];

interface Scene {
  readonly title: string;
  readonly protocol?: 'http';
  readonly port?: number;
  /** Policies of the pods `app: db` in `data`, as YAML without what is the same everywhere. */
  readonly objects: string;
  readonly asks: readonly Ask[];
}

const allow = (spec: string, name = 'a') => authorization('ALLOW', spec, name);
const deny = (spec: string, name = 'd') => authorization('DENY', spec, name);
function authorization(action: string, spec: string, name: string, namespace = 'data'): string {
  return `---
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: {action: ${action}, ${spec}}
`;
}
function peer(spec: string, namespace = 'data'): string {
  return `---
kind: PeerAuthentication
metadata: {name: p${namespace.length}${spec.length}, namespace: ${namespace}}
spec: {${spec}}
`;
}
const TOKENS = `---
kind: RequestAuthentication
metadata: {name: t, namespace: data}
spec:
  jwtRules:
    - {issuer: "${ISSUER}", audiences: [postern, api], fromHeaders: [{name: Authorization, prefix: "Bearer "}], forwardOriginalToken: true}
    - {issuer: "${ACTIONS_ISSUER}", audiences: [postern], fromHeaders: [{name: Authorization, prefix: "Bearer "}]}
`;
const ONLY_POSTERN =
  'rules: [{from: [{source: {principals: [cluster.local/ns/gate/sa/postern]}}], to: [{operation: {ports: ["3306"]}}]}]';
const token = (claims: Record<string, string | number | boolean | readonly string[]>) => ({
  token: issuers.token(ISSUER, { aud: 'postern', ...claims }),
});

const SCENES: readonly Scene[] = [
  {
    title: 'without any policy everybody may, plaintext too',
    objects: '',
    asks: [
      ['payments/checkout', 'served'],
      ['plaintext', 'served'],
      ['evil.example/a/b', 'closed'],
    ],
  },
  {
    title: 'an ALLOW policy denies whom it does not name',
    objects: allow(ONLY_POSTERN),
    asks: [
      ['gate/postern', 'served'],
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'an ALLOW policy without rules lets nobody in, one with an empty rule everybody',
    objects: allow('rules: []'),
    asks: [
      ['gate/postern', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  { title: 'an empty rule', objects: allow('rules: [{}]'), asks: [['plaintext', 'served']] },
  {
    title: 'a DENY is not narrowed by an ALLOW',
    objects:
      allow('rules: [{}]') +
      deny(
        'rules: [{from: [{source: {notPrincipals: [cluster.local/ns/gate/sa/postern]}}], to: [{operation: {ports: ["3306"]}}]}]',
      ),
    asks: [
      ['gate/postern', 'served'],
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'ports are those of the pod',
    port: 3307,
    objects: deny('rules: [{to: [{operation: {ports: ["3306"]}}]}]'),
    asks: [['payments/checkout', 'served']],
  },
  {
    title: 'an ALLOW rule of HTTP vanishes from a chain of bytes',
    objects: allow('rules: [{to: [{operation: {ports: ["3306"], paths: ["/a"]}}]}]'),
    asks: [
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'a DENY of HTTP alone denies all bytes',
    objects: deny('rules: [{to: [{operation: {methods: [POST]}}]}]'),
    asks: [
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'a DENY of HTTP with a source denies that source all bytes',
    objects: deny(
      'rules: [{from: [{source: {namespaces: [dev]}}], to: [{operation: {paths: ["/a"]}}]}]',
    ),
    asks: [
      ['dev/a', 'closed'],
      ['payments/checkout', 'served'],
      ['plaintext', 'served'],
    ],
  },
  {
    title: 'a DENY of a namespace does not meet plaintext, one by exclusion does',
    objects: deny(
      'rules: [{from: [{source: {namespaces: [dev]}}], to: [{operation: {ports: ["3306"]}}]}]',
    ),
    asks: [
      ['dev/a', 'closed'],
      ['prod/a', 'served'],
      ['plaintext', 'served'],
    ],
  },
  {
    title: 'notNamespaces',
    objects: deny(
      'rules: [{from: [{source: {notNamespaces: [prod]}}], to: [{operation: {ports: ["3306"]}}]}]',
    ),
    asks: [
      ['dev/a', 'closed'],
      ['prod/a', 'served'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'an ALLOW by exclusion lets plaintext in',
    objects: allow('rules: [{from: [{source: {notPrincipals: [cluster.local/ns/dev/sa/a]}}]}]'),
    asks: [
      ['dev/a', 'closed'],
      ['prod/a', 'served'],
      ['plaintext', 'served'],
    ],
  },
  {
    title: 'serviceAccounts look at no trust domain, and are of the policy’s namespace',
    objects: allow('rules: [{from: [{source: {serviceAccounts: [payments/checkout, own]}}]}]'),
    asks: [
      ['payments/checkout', 'served'],
      ['old.example/payments/checkout', 'served'],
      ['data/own', 'served'],
      ['payments/own', 'closed'],
      ['payments/checkout-two', 'closed'],
    ],
  },
  {
    title: 'principals mean every name of the mesh, cluster.local all of them',
    objects: allow(
      'rules: [{from: [{source: {principals: [old.example/ns/payments/sa/checkout]}}]}]',
    ),
    asks: [
      ['payments/checkout', 'served'],
      ['old.example/payments/checkout', 'served'],
      ['evil.example/payments/checkout', 'closed'],
    ],
  },
  {
    title: 'a prefix that is no whole name means one trust domain',
    objects: allow('rules: [{from: [{source: {principals: ["cluster.local/*"]}}]}]'),
    asks: [
      ['payments/checkout', 'served'],
      ['old.example/payments/checkout', 'closed'],
    ],
  },
  {
    title: 'stars are at the ends, and one alone means anybody with a name',
    objects: allow(
      'rules: [{from: [{source: {principals: ["*/sa/checkout", "cluster.local/ns/rep*"]}}]}]',
    ),
    asks: [
      ['payments/checkout', 'served'],
      ['reports/nightly', 'served'],
      ['payments/other', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'a star in the middle is a character',
    objects: allow('rules: [{from: [{source: {principals: ["cluster.local/ns/*/sa/checkout"]}}]}]'),
    asks: [['payments/checkout', 'closed']],
  },
  {
    title: 'a star alone',
    objects: allow('rules: [{from: [{source: {principals: ["*"]}}]}]'),
    asks: [
      ['payments/checkout', 'served'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'a dot after a star is any character, as Istio hands it on',
    objects: allow('rules: [{from: [{source: {principals: ["*/sa/a.b"]}}]}]'),
    asks: [
      ['payments/a.b', 'served'],
      ['payments/axb', 'served'],
      ['payments/ab', 'closed'],
    ],
  },
  {
    title: 'namespaces have stars anywhere',
    objects: allow('rules: [{from: [{source: {namespaces: ["p*s", dev]}}]}]'),
    asks: [
      ['payments/a', 'served'],
      ['dev/a', 'served'],
      ['payment/a', 'closed'],
      ['develop/a', 'closed'],
    ],
  },
  {
    title: 'fields of a source are ANDed, sources ORed',
    objects: allow(
      'rules: [{from: [{source: {namespaces: [dev], ipBlocks: [127.1.0.0/16]}}, {source: {namespaces: [prod]}}]}]',
    ),
    asks: [
      ['dev/a', 'served', { source: '127.1.0.9' }],
      ['dev/a', 'closed', { source: '127.2.0.9' }],
      ['prod/a', 'served', { source: '127.2.0.9' }],
      ['plaintext', 'closed', { source: '127.1.0.9' }],
    ],
  },
  {
    title: 'conditions are ANDed with each other and the rest',
    objects: allow(
      'rules: [{when: [{key: source.namespace, values: [dev, prod]}, {key: source.ip, notValues: [127.1.0.0/16]}, {key: destination.port, values: ["3306"]}]}]',
    ),
    asks: [
      ['dev/a', 'served', { source: '127.2.0.9' }],
      ['dev/a', 'closed', { source: '127.1.0.9' }],
      ['other/a', 'closed', { source: '127.2.0.9' }],
    ],
  },
  {
    title: 'policies of the root namespace add to those of the pod’s',
    objects:
      authorization(
        'DENY',
        'rules: [{from: [{source: {namespaces: [dev]}}]}]',
        'r',
        'istio-system',
      ) +
      authorization('DENY', 'rules: [{from: [{source: {namespaces: [prod]}}]}]', 'x', 'elsewhere') +
      deny('selector: {matchLabels: {app: other}}, rules: [{}]') +
      allow('selector: {matchLabels: {app: db}}, rules: [{}]'),
    asks: [
      ['dev/a', 'closed'],
      ['prod/a', 'served'],
    ],
  },
  {
    title: 'what is bound to a gateway is not for pods',
    objects: deny(
      'targetRefs: [{kind: Gateway, name: g, group: gateway.networking.k8s.io}], rules: [{}]',
    ),
    asks: [['dev/a', 'served']],
  },
  {
    title: 'a dry run decides nothing',
    objects: deny('rules: [{}]').replace(
      'namespace: data',
      'namespace: data, annotations: {istio.io/dry-run: "true"}',
    ),
    asks: [['dev/a', 'served']],
  },
  {
    title: 'STRICT refuses plaintext',
    objects: peer('mtls: {mode: STRICT}'),
    asks: [
      ['dev/a', 'served'],
      ['plaintext', 'closed'],
      ['evil.example/dev/a', 'closed'],
    ],
  },
  {
    title: 'the pod’s own mode is before the namespace’s and the mesh’s',
    objects:
      peer('mtls: {mode: STRICT}', 'istio-system') +
      peer('mtls: {mode: UNSET}') +
      peer('selector: {matchLabels: {app: db}}, mtls: {mode: PERMISSIVE}'),
    asks: [
      ['dev/a', 'served'],
      ['plaintext', 'served'],
    ],
  },
  {
    title: 'an unset mode is that of the mesh',
    objects: peer('mtls: {mode: STRICT}', 'istio-system') + peer('mtls: {mode: UNSET}'),
    asks: [
      ['plaintext', 'closed'],
      ['dev/a', 'served'],
    ],
  },
  {
    title: 'the mode of the port is before all',
    objects: peer(
      'selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {"3306": {mode: PERMISSIVE}}',
    ),
    asks: [['plaintext', 'served']],
  },
  {
    title: 'the number of the Service’s port means nothing',
    port: 3307,
    objects: peer('selector: {matchLabels: {app: db}}, portLevelMtls: {"3306": {mode: STRICT}}'),
    asks: [['plaintext', 'served']],
  },
  {
    title: 'a port without TLS sees no name',
    objects:
      peer('selector: {matchLabels: {app: db}}, portLevelMtls: {"3306": {mode: DISABLE}}') +
      allow('rules: [{from: [{source: {principals: ["*"]}}]}]'),
    asks: [
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'requests: paths, methods and hosts',
    protocol: 'http',
    objects: allow(
      'rules: [{to: [{operation: {paths: ["/api/*", "*/end"], methods: [GET, POST], notPaths: ["/api/secret*"], hosts: ["*.Example"]}}]}]',
    ),
    asks: [
      ['dev/a', 'served', { path: '/api/x' }],
      ['dev/a', 'served', { path: '/api/x?secret' }],
      ['dev/a', 'served', { path: '/x/end', method: 'POST' }],
      ['dev/a', 'forbidden', { path: '/api/x', method: 'PUT' }],
      ['dev/a', 'forbidden', { path: '/api/secrets' }],
      ['dev/a', 'forbidden', { path: '/other' }],
      ['dev/a', 'forbidden', { path: '/API/x' }],
      ['dev/a', 'forbidden', { path: '/api/x', host: 'other.org' }],
      ['dev/a', 'forbidden', { path: '/api/x', host: 'api.example:8443' }],
      ['plaintext', 'served', { path: '/api/x' }],
    ],
  },
  {
    title: 'a wrong token is refused, none passes',
    protocol: 'http',
    objects: TOKENS,
    asks: [
      ['dev/a', 'served'],
      ['dev/a', 'served', token({})],
      ['dev/a', 'served', token({ aud: ['x', 'api'] })],
      ['dev/a', 'unauthorised', token({ aud: 'other' })],
      ['dev/a', 'unauthorised', { token: issuers.token(ISSUER, { aud: 'postern' }, false) }],
      ['dev/a', 'unauthorised', { token: issuers.token('https://other', { aud: 'postern' }) }],
      ['dev/a', 'served', { token: issuers.token(ACTIONS_ISSUER, { aud: 'postern' }) }],
      ['dev/a', 'unauthorised', { token: issuers.token(ACTIONS_ISSUER, { aud: 'api' }) }],
    ],
  },
  {
    title: 'claims: text, lists, words of a scope; never numbers',
    protocol: 'http',
    objects:
      TOKENS +
      allow(
        `rules: [{when: [{key: "request.auth.claims[iss]", values: ["${ISSUER}"]}, {key: "request.auth.claims[roles]", values: [admin, "ops-*"]}]}, {when: [{key: "request.auth.claims[scope]", values: [write]}]}, {when: [{key: "request.auth.claims[level]", values: ["5", "true"]}]}]`,
      ),
    asks: [
      ['dev/a', 'served', token({ roles: 'admin' })],
      ['dev/a', 'served', token({ roles: ['x', 'ops-2'] })],
      ['dev/a', 'forbidden', token({ roles: ['x'] })],
      ['dev/a', 'served', token({ scope: 'read write' })],
      ['dev/a', 'forbidden', token({ scope: 'writer' })],
      ['dev/a', 'forbidden', token({ level: 5 })],
      ['dev/a', 'forbidden', token({ level: true })],
      ['dev/a', 'served', token({ level: '5' })],
      ['dev/a', 'forbidden'],
    ],
  },
  {
    title: 'a request principal cannot be a subject with a slash, claims can',
    protocol: 'http',
    objects:
      TOKENS +
      allow(
        `rules: [{from: [{source: {requestPrincipals: ["${ACTIONS_ISSUER}/repo:acme/shop", "${ISSUER}/me", "${ISSUER}/team-*"]}}]}, {when: [{key: "request.auth.claims[sub]", values: ["repo:acme/*"]}, {key: "request.auth.claims[iss]", values: ["${ACTIONS_ISSUER}"]}]}]`,
      ),
    asks: [
      ['dev/a', 'served', token({ sub: 'me' })],
      ['dev/a', 'served', token({ sub: 'team-7' })],
      ['dev/a', 'forbidden', token({ sub: 'you' })],
      [
        'dev/a',
        'served',
        { token: issuers.token(ACTIONS_ISSUER, { aud: 'postern', sub: 'repo:acme/shop' }) },
      ],
      [
        'dev/a',
        'forbidden',
        { token: issuers.token(ACTIONS_ISSUER, { aud: 'postern', sub: 'repo:evil/shop' }) },
      ],
    ],
  },
  {
    title: 'the subject with a slash, by request principal alone',
    protocol: 'http',
    objects:
      TOKENS +
      allow(
        `rules: [{from: [{source: {requestPrincipals: ["${ACTIONS_ISSUER}/repo:acme/shop"]}}]}]`,
      ),
    asks: [
      [
        'dev/a',
        'forbidden',
        { token: issuers.token(ACTIONS_ISSUER, { aud: 'postern', sub: 'repo:acme/shop' }) },
      ],
    ],
  },
  {
    title: 'stars of request principals',
    protocol: 'http',
    objects:
      TOKENS + allow('rules: [{from: [{source: {requestPrincipals: ["*/me", "https://log*"]}}]}]'),
    asks: [
      ['dev/a', 'served', token({ sub: 'me' })],
      ['dev/a', 'forbidden', token({ sub: 'you' })],
      ['dev/a', 'forbidden', token({})],
    ],
  },
  {
    title: 'who shows no token is told by its absence, and so is a token without subject',
    protocol: 'http',
    objects:
      TOKENS +
      deny(
        'rules: [{from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {notPaths: ["/health"]}}]}]',
      ),
    asks: [
      ['dev/a', 'forbidden'],
      ['dev/a', 'served', { path: '/health' }],
      ['dev/a', 'served', token({ sub: 'me' })],
      ['dev/a', 'forbidden', token({})],
    ],
  },
  {
    title: 'a name and claims together',
    protocol: 'http',
    objects:
      TOKENS +
      allow(
        'rules: [{from: [{source: {principals: [cluster.local/ns/dev/sa/a], requestPrincipals: ["*"]}}], when: [{key: "request.auth.claims[tid]", values: [t1]}]}]',
      ),
    asks: [
      ['dev/a', 'served', token({ sub: 'me', tid: 't1' })],
      ['dev/b', 'forbidden', token({ sub: 'me', tid: 't1' })],
      ['dev/a', 'forbidden', token({ sub: 'me', tid: 't2' })],
      ['plaintext', 'forbidden', token({ sub: 'me', tid: 't1' })],
    ],
  },
  {
    title: 'claims that nobody verified are none, and absence is not another value',
    protocol: 'http',
    objects: allow(
      'rules: [{when: [{key: "request.auth.claims[tid]", values: [t1]}]}, {to: [{operation: {paths: [/open]}}], when: [{key: "request.auth.claims[tid]", notValues: [t2]}]}]',
    ),
    asks: [
      ['dev/a', 'forbidden', token({ tid: 't1' })],
      ['dev/a', 'served', { path: '/open' }],
    ],
  },
  {
    title: 'nested claims',
    protocol: 'http',
    objects:
      TOKENS +
      allow('rules: [{when: [{key: "request.auth.claims[https://x.example/y][b]", values: [c]}]}]'),
    asks: [
      [
        'dev/a',
        'served',
        { token: issuers.token(ISSUER, { aud: 'postern', 'https://x.example/y': { b: ['c'] } }) },
      ],
      [
        'dev/a',
        'forbidden',
        { token: issuers.token(ISSUER, { aud: 'postern', 'https://x.example/y': { b: 'd' } }) },
      ],
    ],
  },
];

function inboundOf({ objects, port, protocol }: Scene, index: number): Inbound {
  return {
    address: loopbackAddress(index),
    port: port ?? (protocol ? 8443 : 3306),
    protocol: protocol ?? 'tcp',
    namespace: 'data',
    labels: { app: 'db' },
    objects: parseAllDocuments(objects).map((document) => {
      const object = document.toJS() as Loose;
      return { apiVersion: 'security.istio.io/v1', ...object };
    }),
    names: { rootNamespace: 'istio-system', trustDomains: ['cluster.local', 'old.example'] },
    keys: issuers.keys,
  };
}

const missing = isOnPath('envoy') ? false : 'Envoy is not installed';

describe('the model of the mesh and a real Envoy', { skip: missing }, () => {
  const inbounds = SCENES.map((scene, index) => inboundOf(scene, index));
  let envoy: MeshEnvoy;
  before(async () => {
    envoy = await MeshEnvoy.start(inbounds);
  });
  after(() => envoy?.stop());

  for (const [index, { title, asks }] of SCENES.entries()) {
    it(title, async () => {
      const inbound = inbounds[index];
      if (!inbound) throw new TypeError('every scene has its port');
      const model = modelOf(inbound);
      for (const [who, expected, more] of asks) {
        const asked: AskedCall = {
          ...(who !== 'plaintext' && { spiffeId: spiffeId(who) }),
          ...more,
        };
        const said = `${who} ${JSON.stringify(more?.token?.claims ?? more ?? {})}`;
        equal(await envoyOutcome(envoy, inbound, asked), expected, `Envoy: ${said}`);
        const verdict = modelVerdict(model, inbound, asked);
        deepEqual(
          [expectedOutcome(verdict, inbound.protocol), said],
          [expected, said],
          `${verdict.why}`,
        );
      }
    });
  }
});
