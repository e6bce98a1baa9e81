// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { checkSources } from '../../policy/check.ts';
import { diagnosticsText } from '../../policy/diagnostic-text.ts';
import { artifactId, type Plain, plainObject } from './artifact.ts';
import { compileCluster } from './compile-cluster.ts';

const HEAD = 'apiVersion: postern.dev/v1alpha1';
const NOW_MS = Date.UTC(2026, 0, 1);

function clusterText(istio: string, more = ''): string {
  return `${HEAD}
kind: Cluster
metadata: {name: prod, labels: {env: prod}}
spec:
  bundle: {file: ca.pem}
  namespaces: [{name: payments, labels: {env: prod}}, {name: scratch, labels: {env: dev}}]
  ${more}
  istio: {gateway: {namespace: gate, serviceAccount: postern}, ${istio}}
`;
}

const SIDECAR = clusterText('version: "1.29", dataPlane: Sidecar');
const AMBIENT = clusterText('version: "1.29", dataPlane: Ambient');

const targetText = (name: string, more = '', service = name) => `${HEAD}
kind: Target
metadata: {name: ${name}, namespace: data, labels: {app: ${name}}}
spec:
  expose: {service: ${service}, port: 3306}
  mariadb:
    endpoints: [{host: db.example}]
    tls: {ca: {file: ca.pem}}
    broker: {user: broker_${name}, password: {file: p}}
    schemas: [shop]
    ${more}
`;

const API = `${HEAD}
kind: Target
metadata: {name: api, namespace: data, labels: {app: api}}
spec: {expose: {port: 8080}, http: {host: api.example, paths: ["/v1/*"], methods: [GET]}}
`;

const grantText = (target: string, subjects: string, role = 'reader', more = '') => `${HEAD}
kind: Grant
metadata: {name: on-${target}, namespace: data}
spec: {subjects: [${subjects}], targetSelector: {matchLabels: {app: ${target}}}, role: ${role}${more}}
`;

const denyText = (target: string, subjects: string, more = '') => `${HEAD}
kind: Deny
metadata: {name: deny}
spec: {subjects: [${subjects}], targets: {matchLabels: {app: ${target}}}${more}}
`;

const CHECKOUT = '{serviceAccount: prod/payments/checkout}';
const PODS =
  'pods: {cluster: prod, namespace: db, labels: {app: mariadb}, port: 3307, operators: [ops/backup]}';

function compile(...texts: readonly string[]) {
  const sources = [{ path: 'policy.yaml', text: texts.join('---\n') }];
  const { policy, diagnostics } = checkSources(sources, { nowMs: NOW_MS });
  const cluster = policy?.clusters.get('prod');
  if (!policy || !cluster) throw new Error(diagnosticsText(diagnostics, sources));
  const compiled = compileCluster(policy, cluster, NOW_MS);
  const objects = new Map(compiled.artifacts.map((one) => [artifactId(one), plainObject(one)]));
  const problems = compiled.diagnostics.map(({ message }) => message);
  return { objects, problems, spec: (id: string) => specOf(objects.get(id), id) };
}

/** biome-ignore lint/suspicious/noExplicitAny: what is emitted is read as a tree here. */
function specOf(object: { readonly [key: string]: Plain } | undefined, id: string): any {
  ok(object, `${id} is missing`);
  return object['spec'];
}

describe('compile-cluster', () => {
  it('names the exceptions inside the DENY, which wins over every ALLOW', () => {
    const { spec } = compile(SIDECAR, targetText('orders', PODS), grantText('orders', CHECKOUT));
    const { action, rules } = spec('AuthorizationPolicy/db/postern-orders-deny');
    equal(action, 'DENY');
    deepEqual(rules[0].from[0].source.notPrincipals, [
      'cluster.local/ns/gate/sa/postern',
      'cluster.local/ns/ops/sa/backup',
    ]);
    equal(rules.length, 1);
  });

  it('scopes every DENY by the port of the pod, as text', () => {
    const { spec } = compile(SIDECAR, targetText('orders', PODS), grantText('orders', CHECKOUT));
    const [rule] = spec('AuthorizationPolicy/db/postern-orders-deny').rules;
    deepEqual(rule.to, [{ operation: { ports: ['3307'] } }]);
  });

  it('lets nobody but Postern and operators reach the database, whoever is granted', () => {
    const { spec } = compile(SIDECAR, targetText('orders', PODS), grantText('orders', CHECKOUT));
    const text = JSON.stringify(spec('AuthorizationPolicy/db/postern-orders-allow'));
    ok(!text.includes('checkout'), text);
    ok(!text.includes('"namespaces"') && !text.includes('serviceAccounts'), text);
  });

  it('is STRICT where a server speaks first, on the port of the pod', () => {
    for (const cluster of [SIDECAR, AMBIENT]) {
      const { spec } = compile(cluster, targetText('orders', PODS), grantText('orders', CHECKOUT));
      const { portLevelMtls, selector } = spec('PeerAuthentication/db/postern-orders');
      deepEqual(portLevelMtls, { '3307': { mode: 'STRICT' } });
      deepEqual(selector, { matchLabels: { app: 'mariadb' } });
      equal(spec('PeerAuthentication/gate/postern').mtls.mode, 'STRICT');
      const [port] = spec('Service/gate/orders').ports;
      deepEqual([port.name, port.appProtocol], ['tcp-mysql', 'tcp']);
    }
  });

  it('writes a principal for the trust domain and each alias, never one that was not declared', () => {
    const aliased = AMBIENT.replace(
      '  bundle:',
      '  trustDomain: prod.example\n  trustDomainAliases: [old.example]\n  bundle:',
    );
    const { spec } = compile(aliased, targetText('orders'), grantText('orders', CHECKOUT));
    const text = JSON.stringify(spec('AuthorizationPolicy/gate/postern-allow'));
    match(text, /prod\.example\/ns\/payments\/sa\/checkout/);
    match(text, /old\.example\/ns\/payments\/sa\/checkout/);
    ok(!text.includes('cluster.local'), text);
  });

  it('gives ztunnel principals alone: no other field of an object for it', () => {
    const { objects } = compile(AMBIENT, targetText('orders', PODS), grantText('orders', CHECKOUT));
    const fields = /hosts|methods|paths|"when"|requestPrincipals|CUSTOM|targetRefs|trustDomains/;
    for (const [id, object] of objects) {
      if (!id.startsWith('AuthorizationPolicy/')) continue;
      ok(!fields.test(JSON.stringify(object['spec'])), id);
    }
    const kinds = new Set([...objects.keys()].map((id) => id.split('/')[0]));
    for (const kind of ['DestinationRule', 'Sidecar', 'Telemetry', 'RequestAuthentication']) {
      ok(!kinds.has(kind), `${kind} is ignored by ztunnel`);
    }
  });

  it('refuses an API in an ambient mesh, whose rules would be dropped', () => {
    const { objects, problems } = compile(AMBIENT, API, grantText('api', CHECKOUT, 'caller'));
    match(problems.join(), /ztunnel ignores paths, methods and tokens/);
    equal(objects.size, 0);
  });

  it('lets nobody in when nobody is left, instead of leaving the policy out', () => {
    const ci = '{ci: {provider: github, repositoryId: "7", environment: prod}}';
    const github = `${HEAD}
kind: IdentityProvider
metadata: {name: github}
spec: {oidc: {preset: github, audiences: [postern]}}
`;
    const { spec } = compile(AMBIENT, github, targetText('orders'), grantText('orders', ci));
    deepEqual(spec('AuthorizationPolicy/gate/postern-allow'), {
      selector: { matchLabels: { 'app.kubernetes.io/name': 'postern' } },
      action: 'ALLOW',
    });
  });

  it('leaves out whom a Deny always keeps out, and nobody else', () => {
    const all =
      '{workload: {namespaceSelector: {matchExpressions: [{key: env, operator: Exists}]}}}';
    const base = [AMBIENT, targetText('orders'), grantText('orders', all)];
    const allowed = (...texts: readonly string[]) =>
      JSON.stringify(compile(...base, ...texts).spec('AuthorizationPolicy/gate/postern-allow'));
    const dev = '{workload: {namespaceSelector: {matchLabels: {env: dev}}}}';
    match(allowed(), /ns\/scratch\/sa\/\*/);
    ok(!allowed(denyText('orders', dev)).includes('scratch'));
    match(allowed(denyText('orders', dev)), /ns\/payments\/sa\/\*/);
    const night = ', when: [{key: time, between: ["22:00", "06:00"], zone: UTC}]';
    match(allowed(denyText('orders', dev, night)), /ns\/scratch\/sa\/\*/);
  });

  it('keeps what it cannot say in a Deny of an API from being wider than declared', () => {
    const notProd = '{workload: {namespaceSelector: {notMatchLabels: {env: prod}}}}';
    const texts = [SIDECAR, API, grantText('api', CHECKOUT, 'caller'), denyText('api', notProd)];
    const [rule] = compile(...texts).spec('AuthorizationPolicy/gate/postern-http-deny').rules;
    deepEqual(rule.from[0].source, { notPrincipals: ['cluster.local/ns/payments/sa/*'] });
    deepEqual(rule.to, [{ operation: { ports: ['8080'] } }]);
  });

  it('opens the port of a target to namespaces that hold somebody, and to no other', () => {
    const { spec } = compile(SIDECAR, targetText('orders'), grantText('orders', CHECKOUT));
    const [first, rest] = spec('NetworkPolicy/gate/postern').ingress;
    deepEqual(first.from, [
      { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'payments' } } },
    ]);
    deepEqual(first.ports, [{ protocol: 'TCP', port: 3306 }]);
    const ranges = JSON.stringify(rest.ports);
    match(ranges, /"endPort":3305/);
    match(ranges, /"port":3307,"endPort":65535/);
  });

  it('takes the widest service class for the limit of a client pod, and none where one is free', () => {
    const standard = `${HEAD}
kind: ServiceClass
metadata: {name: standard}
spec: {connections: 20}
`;
    const limited = grantText('orders', CHECKOUT, 'reader', ', serviceClass: standard');
    const free = grantText('orders', '{serviceAccount: prod/payments/other}').replace(
      'on-',
      'free-',
    );
    const most = (...texts: readonly string[]) =>
      compile(SIDECAR, standard, targetText('orders'), ...texts).spec('DestinationRule/gate/orders')
        .trafficPolicy.connectionPool.tcp.maxConnections;
    equal(most(limited), 20);
    equal(most(limited, free), undefined);
  });

  it('writes Kubernetes objects alone where there is no mesh', () => {
    const none = clusterText('version: "1.29", dataPlane: None');
    const { objects } = compile(none, targetText('orders', PODS), grantText('orders', CHECKOUT));
    deepEqual(
      [...objects.keys()],
      ['Service/gate/orders', 'NetworkPolicy/gate/postern', 'NetworkPolicy/db/postern-orders'],
    );
  });
});
