// SPDX-License-Identifier: Apache-2.0
import { DEMO_CLIENT } from './identity-provider.ts';

/** What the demo's files say. Written to disk as they are, for the visitor to read and change. */
export const SEED_SQL = `
CREATE DATABASE shop CHARACTER SET utf8mb4;
USE shop;
CREATE TABLE orders (id INT PRIMARY KEY AUTO_INCREMENT, customer INT, product INT, amount INT);
CREATE TABLE products (id INT PRIMARY KEY, name VARCHAR(40), price DECIMAL(8,2));
CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(40), email VARCHAR(60));
INSERT INTO products VALUES (1, 'kettle', 29.90), (2, 'teapot', 19.50), (3, 'tea, 100 g', 7.20);
INSERT INTO customers VALUES (1, 'Grace', 'grace@example.org'), (2, 'Alan', 'alan@example.org');
INSERT INTO orders (customer, product, amount) VALUES (1, 1, 1), (1, 3, 4), (2, 2, 1);
`;

const HEAD = 'apiVersion: postern.dev/v1alpha1\n';

export function identityYaml(peopleIssuer: string, jobsIssuer: string): string {
  return `# Who vouches for whom: two clusters for workloads, one provider for people, one for CI jobs.
${HEAD}kind: Cluster
metadata: {name: prod, labels: {env: prod}}
spec: {trustDomain: prod.local, bundle: {file: ../certificates/prod-ca.pem}}
---
${HEAD}kind: Cluster
metadata: {name: dev, labels: {env: dev}}
spec: {trustDomain: dev.local, bundle: {file: ../certificates/dev-ca.pem}}
---
${HEAD}kind: IdentityProvider
metadata: {name: people}
spec:
  oidc:
    preset: generic
    issuer: ${peopleIssuer}
    audiences: [postern]
    claims: {subject: sub, groups: groups}
    login: {clientId: ${DEMO_CLIENT}, scopes: [openid, data]}
---
# The preset reads the claims of GitHub Actions; in real life it needs no issuer.
${HEAD}kind: IdentityProvider
metadata: {name: github}
spec: {oidc: {preset: github, issuer: "${jobsIssuer}", audiences: [postern]}}
`;
}

export function ordersYaml(mariadbPort: number): string {
  return `# What is protected, and what may be done with it.
${HEAD}kind: Target
metadata: {name: orders, namespace: data-orders, labels: {app: orders, env: prod}}
spec:
  expose: {service: orders-db, port: 3306}
  audit: {statements: Text}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${mariadbPort}}]
    schemas: [shop]
    tls:
      ca: {file: ../certificates/database-ca.pem}
      serverName: localhost
      clientCertificate:
        cert: {file: ../certificates/upstream.pem}
        key: {file: ../certificates/upstream-key.pem}
    broker: {user: postern_broker, password: {file: ../certificates/broker-password}}
---
${HEAD}kind: DataRole
metadata: {name: orders-writer, namespace: data-orders}
spec:
  privileges:
    - {tables: [shop.orders], actions: [select, insert, update]}
    - {tables: [shop.products], actions: [select]}
  guardrails: {requireWhere: [update]}
---
# Names of customers, but not their addresses: a view shows two columns and nothing else.
${HEAD}kind: DataRole
metadata: {name: orders-analyst, namespace: data-orders}
spec:
  privileges:
    - {tables: [shop.orders, shop.products], actions: [select]}
    - {tables: [shop.customers], actions: [select], columns: [id, name], as: shop.customers_public}
---
${HEAD}kind: DataRole
metadata: {name: price-list, namespace: data-orders}
spec:
  privileges: [{tables: [shop.products], actions: [select, insert, update]}]
  guardrails: {requireWhere: [update]}
`;
}

export const RULES_YAML = `# Who may do it. Nothing else is allowed; saving this file is all it takes.
${HEAD}kind: Grant
metadata: {name: checkout-writes, namespace: data-orders}
spec:
  subjects:
    - workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [payments/checkout]}
  targetSelector: {matchLabels: {app: orders}}
  role: orders-writer
---
${HEAD}kind: Grant
metadata: {name: analysts-read, namespace: data-orders}
spec:
  subjects: [{group: {provider: people, id: analysts}}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-analyst
---
${HEAD}kind: Grant
metadata: {name: release-sets-prices, namespace: data-orders}
spec:
  subjects:
    - ci: {provider: github, ownerId: "1001", repositoryId: "2002", environment: production}
  targetSelector: {matchLabels: {app: orders}}
  role: price-list
---
# The gateway itself is a target, too: sessions, kill, reload.
${HEAD}kind: Grant
metadata: {name: operators, namespace: postern-system}
spec:
  subjects: [{group: {provider: people, id: operators}}]
  targetSelector: {matchLabels: {app: postern}}
  role: operator
---
${HEAD}kind: Deny
metadata: {name: only-prod-reaches-prod}
spec:
  subjects: [{workload: {clusters: {notMatchLabels: {env: prod}}}}]
  targets: {matchLabels: {env: prod}}
---
# A test of the rules above; "postern check" runs it.
${HEAD}kind: Expectation
metadata: {name: dev-stays-out, namespace: data-orders}
spec: {as: workload/dev/payments/checkout, to: orders, do: select shop.orders, expect: Deny}
`;

/** The text without the document of that name, as an editor would leave it. */
export function withoutRule(text: string, name: string): string {
  const documents = text.split(/^---\n/m);
  const kept = documents.filter((document) => !document.includes(`{name: ${name},`));
  if (kept.length !== documents.length - 1) throw new Error(`no single rule ${name}`);
  return kept.join('---\n');
}

export const SETTINGS_YAML = `# Settings of the gateway. What it allows stands in policy/.
instance: demo
policy: ./policy
listeners:
  # TLS first: the workload certificate of the caller is the identity.
  - {name: mesh, address: "127.0.0.1:0", protocol: mysql, accept: MeshTls}
  # For everybody else: TLS of the protocol, a token as the password.
  - {name: people, address: "127.0.0.1:0", protocol: mysql, accept: ProtocolTls, target: data-orders/orders}
tls: {certificate: certificates/gateway.pem, key: certificates/gateway-key.pem}
mesh: {certificate: certificates/gateway-mesh.pem, key: certificates/gateway-mesh-key.pem}
observability: {address: "127.0.0.1:0"}
drain: {timeout: 1s}
`;
