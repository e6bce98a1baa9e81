// SPDX-License-Identifier: Apache-2.0

/** Declarations to plant faults behind. `documents` adds the version to each. */
const documents = (...texts: readonly string[]): string =>
  texts.map((text) => `apiVersion: postern.dev/v1alpha1\n${text}`).join('\n---\n');

const cluster = (name: string, more = '', dataPlane = 'Sidecar') => `kind: Cluster
metadata: {name: ${name}, labels: {env: ${name}}}
spec:
  bundle: {file: ${name}.pem}${more}
  istio: {version: "1.29", dataPlane: ${dataPlane}, gateway: {namespace: postern-system, serviceAccount: postern}}`;

const DEV = `kind: Cluster
metadata: {name: dev, labels: {env: dev}}
spec: {bundle: {file: dev.pem}}`;

const target = (name: string, port: number, schemas: string) => `kind: Target
metadata: {name: ${name}, namespace: data, labels: {app: ${name}}}
spec:
  expose: {service: ${name}-db, port: ${port}, hostnames: ["10.96.40.${port % 100}"]}
  mariadb:
    endpoints: [{host: ${name}.data.svc}]
    tls: {ca: {file: ca.pem}}
    broker: {user: postern_broker, password: {file: broker-password}}
    reader: {user: postern_reader, password: {file: reader-password}}
    schemas: [${schemas}]
    pods: {cluster: prod, namespace: data, labels: {app: ${name}}, operators: [databases/operator]}`;

const WRITER = `kind: DataRole
metadata: {name: orders-writer, namespace: data}
spec:
  privileges:
    - {tables: [shop.orders], actions: [select, insert, update]}
    - {tables: [shop.customers], actions: [select], columns: [id, name], as: shop.customers_public}
    - {routines: [shop.refund], actions: [execute]}
  guardrails: {requireWhere: [update]}`;

const grant = (name: string, app: string, role: string, subjects: string, more = '') => `kind: Grant
metadata: {name: ${name}, namespace: data}
spec:
  subjects: [${subjects}]
  targetSelector: {matchLabels: {app: ${app}}}
  role: ${role}${more}`;

const CHECKOUT = '{serviceAccount: prod/payments/checkout}';
const HOURS = '\n  when: [{key: time, between: ["06:00", "22:00"], zone: Europe/Berlin}]';

/** `alias`: whether the cluster still has its old trust domain. */
export const sqlDeclaration = ({ alias = false, dataPlane = 'Sidecar', more = '' } = {}): string =>
  documents(
    cluster('prod', alias ? '\n  trustDomainAliases: [old.example]' : '', dataPlane),
    DEV,
    target('orders', 3306, 'shop'),
    target('ledger', 3307, 'stock_a'),
    WRITER,
    grant('checkout', 'orders', 'orders-writer', CHECKOUT, HOURS),
    grant('temporary', 'orders', 'reader', '{serviceAccount: prod/moving/van}', EXPIRES),
    grant('reports', 'ledger', 'reader', '{serviceAccount: prod/reports/nightly}'),
    `kind: Deny
metadata: {name: no-dev}
spec: {subjects: [{workload: {clusters: {matchLabels: {env: dev}}}}], targets: {matchLabels: {app: orders}}}`,
    ...(more === '' ? [] : [more]),
  );

/** Before the moment at which proofs look. */
const EXPIRES = '\n  expires: "2026-01-10T00:00:00Z"';

const api = (name: string, port: number, paths: string) => `kind: Target
metadata: {name: ${name}, namespace: ml, labels: {app: ${name}}}
spec:
  expose: {port: ${port}}
  http: {host: ${name}.ml.example, paths: [${paths}], methods: [GET, POST]}`;

const TENANT = '11111111-2222-3333-4444-555555555555';

/** `modelsPort: 443`: both APIs on one port of the pods, told apart by their names alone. */
export const httpDeclaration = ({ modelsPort = 8080 } = {}): string =>
  documents(
    `kind: IdentityProvider
metadata: {name: entra}
spec: {oidc: {preset: entra, tenant: ${TENANT}, audiences: ["api://postern"]}}`,
    cluster('prod', '\n  namespaces: [{name: tools, labels: {env: prod}}]'),
    api('tracking', 443, '"/api/2.0/*"'),
    api('models', modelsPort, '/models'),
    `kind: Grant
metadata: {name: people, namespace: ml}
spec:
  subjects: [{group: {provider: entra, id: 8c1e0000-0000-0000-0000-000000000000, displayName: ml}}]
  targetSelector: {matchLabels: {app: tracking}}
  role: caller`,
    `kind: Grant
metadata: {name: jobs, namespace: ml}
spec:
  subjects: [{serviceAccount: prod/tools/nightly}]
  targetSelector: {matchExpressions: [{key: app, operator: In, values: [tracking, models]}]}
  role: caller`,
  );
