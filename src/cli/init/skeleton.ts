// SPDX-License-Identifier: Apache-2.0
import { PROVIDER_SKELETONS, type SkeletonPreset } from './provider-skeleton.ts';

/** Relative paths -> text of a first declaration that `postern check` accepts as it is. */
export function skeleton(preset: SkeletonPreset): ReadonlyMap<string, string> {
  return new Map([
    ['postern.yaml', SETTINGS],
    ['.gitignore', NOT_IN_GIT],
    ['policy/identity.yaml', identity(preset)],
    ['policy/orders.yaml', TARGET],
    ['policy/rules.yaml', rules(preset)],
    ['policy/expectations.yaml', expectations(preset)],
  ]);
}

const SETTINGS = `# Settings of one gateway process. What may be done is not here but in ./policy.
policy: ./policy

listeners:
  # Drivers ask for TLS themselves and give a token as password.
  - {name: orders, address: "127.0.0.1:3307", protocol: mysql, accept: ProtocolTls, target: data-orders/orders}

# Certificate that drivers see on these listeners.
tls: {certificate: ./certificates/gateway.pem, key: ./certificates/gateway-key.pem}

audit: {directory: ./audit}

# /readyz says whether sessions can begin, /metrics is for Prometheus.
observability: {address: "127.0.0.1:9464"}
`;

const NOT_IN_GIT = `# Secrets, and what a running gateway writes.
secrets/
*-key.pem
audit/
postern.sock
`;

const HEAD = 'apiVersion: postern.dev/v1alpha1';

function identity(preset: SkeletonPreset): string {
  const { oidc, replace } = PROVIDER_SKELETONS[preset];
  return `# Who is there. Nothing here gives any access yet.

# A cluster vouches for its workloads: certificates that chain to its bundle, and, when
# serviceAccountTokens is set, Kubernetes service account tokens.
${HEAD}
kind: Cluster
metadata: {name: prod, labels: {env: prod}}
spec:
  trustDomain: cluster.local
  bundle: {file: ../certificates/prod-root.pem}
  # serviceAccountTokens: {issuer: "https://issuer.of.the.cluster", audiences: [postern]}
---
# Replace ${replace}.
${HEAD}
kind: IdentityProvider
metadata: {name: ${preset}}
spec:
  oidc:
${oidc.map((line) => `    ${line}`).join('\n')}
  sessionMax: 1h
`;
}

const TARGET = `# What is protected. A Target lives in the namespace of the people who own the data.
${HEAD}
kind: Target
metadata: {name: orders, namespace: data-orders, labels: {app: orders, env: prod}}
spec:
  expose: {port: 3306, localPort: 13306}
  enforcement: Enforce             # Observe: allow everything, record what would be denied
  audit: {statements: Normalised, retention: 400d}
  mariadb:
    endpoints: [{host: mariadb.example.internal, port: 3306}]
    tls: {ca: {file: ../certificates/orders-db-ca.pem}}
    # An account that may lend leases and nothing else; "postern bootstrap" creates it.
    broker: {user: postern_broker, password: {file: ../secrets/orders-broker-password}}
    schemas: [shop]                # what the built-in roles reader, writer and migrator cover
`;

function rules(preset: SkeletonPreset): string {
  return `# Who may do what. Whatever no Grant allows is denied; any Deny wins over every Grant.
${HEAD}
kind: Grant
metadata: {name: checkout-writes, namespace: data-orders}
spec:
  subjects: [{serviceAccount: prod/payments/checkout}]
  targetSelector: {matchLabels: {app: orders}}
  role: writer
---
# Replace the subject with somebody you know.
${HEAD}
kind: Grant
metadata: {name: developers-read, namespace: data-orders}
spec:
  subjects:
    - ${PROVIDER_SKELETONS[preset].subject}
  targetSelector: {matchLabels: {app: orders}}
  role: reader
  session: {maxDuration: 8h}
`;
}

function expectations(preset: SkeletonPreset): string {
  const as = PROVIDER_SKELETONS[preset].as.map((line) => `  ${line}`).join('\n');
  return `# Unit tests of the rules; "postern check" runs them.
${HEAD}
kind: Expectation
metadata: {name: checkout-can-write, namespace: data-orders}
spec: {as: workload/prod/payments/checkout, to: orders, do: insert shop.orders, expect: Allow}
---
${HEAD}
kind: Expectation
metadata: {name: developers-can-read, namespace: data-orders}
spec:
${as}
  to: orders
  do: select shop.orders
  expect: Allow
---
${HEAD}
kind: Expectation
metadata: {name: others-cannot-connect, namespace: data-orders}
spec: {as: workload/prod/payments/other, to: orders, expect: Deny}
`;
}
