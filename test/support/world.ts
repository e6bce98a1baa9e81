// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Gateway } from '../../src/app/gateway.ts';
import { readSettings } from '../../src/config/read.ts';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { type Log, silentLog } from '../../src/model/log.ts';
import { bootstrapAsRoot } from './bootstrap.ts';
import { type Authority, createAuthority } from './certs.ts';
import { startIdp, type TestIdp } from './idp.ts';
import { startMariadb, type TestMariadb } from './mariadb.ts';
import { startMysql } from './mysql.ts';

/** The declaration of the tests: two clusters, two providers, one database, three ways in. */
export function worldPolicy(idpUrl: string, mariadbPort: number, extra = ''): string {
  return `
apiVersion: postern.dev/v1alpha1
kind: Cluster
metadata: {name: prod, labels: {env: prod}}
spec:
  trustDomain: prod.local
  bundle: {file: ../mesh-ca.pem}
---
apiVersion: postern.dev/v1alpha1
kind: Cluster
metadata: {name: dev, labels: {env: dev}}
spec:
  trustDomain: dev.local
  bundle: {file: ../dev-ca.pem}
---
apiVersion: postern.dev/v1alpha1
kind: IdentityProvider
metadata: {name: people}
spec:
  oidc: {preset: generic, issuer: ${idpUrl}, audiences: [postern], makes: user, claims: {subject: sub, groups: groups}}
  sessionMax: 1h
---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: orders, namespace: data, labels: {app: orders, env: prod}}
spec:
  expose: {service: orders-db, port: 3306, hostnames: [orders.db.example]}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${mariadbPort}, role: Primary}]
    schemas: [shop]
    tls:
      ca: {file: ../db-ca.pem}
      serverName: localhost
      clientCertificate: {cert: {file: ../upstream.pem}, key: {file: ../upstream-key.pem}}
    broker: {user: postern_broker, password: {file: ../broker-password}}
---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: orders-writer, namespace: data}
spec:
  privileges:
    - {tables: [shop.orders], actions: [select, insert, update, delete]}
    - {tables: [shop.products], actions: [select]}
    - {tables: [shop.customers], actions: [select], columns: [id, name], as: shop.customers_public}
    - {routines: [shop.order_count], actions: [execute]}
  guardrails: {requireWhere: [update, delete], multiStatement: Deny, localInfile: Deny}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: checkout, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [payments/checkout]}}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-writer
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: analysts, namespace: data}
spec:
  subjects: [{group: {provider: people, id: analysts}}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-writer
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: operators, namespace: postern-system}
spec:
  subjects: [{group: {provider: people, id: operators}}]
  targetSelector: {matchLabels: {app: postern}}
  role: operator
---
apiVersion: postern.dev/v1alpha1
kind: Deny
metadata: {name: only-prod-reaches-prod}
spec: {subjects: [{workload: {clusters: {notMatchLabels: {env: prod}}}}], targets: {matchLabels: {env: prod}}}
${extra}`;
}

const SHOP_SQL = `
CREATE DATABASE shop CHARACTER SET utf8mb4;
CREATE TABLE shop.orders (id INT PRIMARY KEY AUTO_INCREMENT, product INT, amount INT, note VARCHAR(200));
CREATE TABLE shop.products (id INT PRIMARY KEY, name VARCHAR(100), price DECIMAL(10,2));
CREATE TABLE shop.customers (id INT PRIMARY KEY, name VARCHAR(100), email VARCHAR(100));
CREATE TABLE shop.secrets (id INT PRIMARY KEY, secret VARCHAR(100));
INSERT INTO shop.orders (product, amount, note) VALUES (1, 2, 'first'), (2, 1, 'second'), (1, 5, 'third');
INSERT INTO shop.products VALUES (1, 'kettle', 29.90), (2, 'teapot', 19.50);
INSERT INTO shop.customers VALUES (1, 'Ada', 'ada@example.org'), (2, 'Grace', 'grace@example.org');
INSERT INTO shop.secrets VALUES (1, 'xyzzy-secret-marker');
CREATE PROCEDURE shop.order_count() SQL SECURITY DEFINER SELECT COUNT(*) AS n FROM shop.orders;
`;

export interface WorldOptions {
  readonly extraPolicy?: string;
  readonly extraSql?: string;
  readonly generalLog?: boolean;
  readonly trustTargetOnly?: boolean;
  readonly settings?: string;
  /** A MySQL instead of the MariaDB. */
  readonly mysql?: boolean;
  /** The database's, by option name. */
  readonly variables?: Readonly<Record<string, string>>;
  /** Listeners besides `mesh` and `token`, one line of YAML each. */
  readonly listeners?: readonly string[];
  readonly log?: Log;
  readonly clock?: Clock;
  /** False: everything but the gateway, for tests that start it as a process. */
  readonly gateway?: boolean;
}

/** A whole installation on loopback: authorities, identity provider, MariaDB, gateway. */
export class World {
  readonly directory = mkdtempSync(join(tmpdir(), 'postern-world-'));
  meshCa!: Authority;
  devCa!: Authority;
  dbCa!: Authority;
  serverCa!: Authority;
  idp!: TestIdp;
  mariadb!: TestMariadb;
  gateway: Gateway | undefined;
  #options: WorldOptions = {};

  static async start(options: WorldOptions = {}): Promise<World> {
    const world = new World();
    world.#options = options;
    try {
      await world.#start();
      return world;
    } catch (thrown) {
      await world.stop();
      throw thrown;
    }
  }

  async #start(): Promise<void> {
    this.meshCa = await createAuthority({ commonName: 'mesh' });
    this.devCa = await createAuthority({ commonName: 'dev mesh' });
    this.dbCa = await createAuthority({ commonName: 'database' });
    this.serverCa = await createAuthority({ commonName: 'gateway' });
    this.write('mesh-ca.pem', this.meshCa.certPem);
    this.write('dev-ca.pem', this.devCa.certPem);
    this.write('db-ca.pem', this.dbCa.certPem);
    this.write('server-ca.pem', this.serverCa.certPem);
    const upstream = await this.dbCa.issue({ commonName: 'postern', usages: ['client'] });
    this.write('upstream.pem', upstream.chainPem);
    this.write('upstream-key.pem', upstream.keyPem);
    const db = await this.dbCa.issue({
      commonName: 'localhost',
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
      usages: ['server'],
    });
    const server = await this.serverCa.issue({
      commonName: 'localhost',
      dnsNames: ['localhost', 'orders.db.example'],
      ipAddresses: ['127.0.0.1'],
      usages: ['server'],
    });
    this.write('server.pem', server.chainPem);
    this.write('server-key.pem', server.keyPem);
    const mesh = await this.meshCa.issue({
      spiffeId: 'spiffe://prod.local/ns/postern-system/sa/postern',
      usages: ['server', 'client'],
    });
    this.write('mesh.pem', mesh.chainPem);
    this.write('mesh-key.pem', mesh.keyPem);
    this.idp = await startIdp();
    const start = this.#options.mysql ? startMysql : startMariadb;
    this.mariadb = await start({
      generalLog: this.#options.generalLog ?? false,
      ...(this.#options.variables && { variables: this.#options.variables }),
      tls: { caPem: this.dbCa.certPem, certPem: db.certPem, keyPem: db.keyPem },
    });
    await this.mariadb.rootQuery(SHOP_SQL + (this.#options.extraSql ?? ''));
    mkdirSync(join(this.directory, 'policy'));
    this.writePolicy(this.policyText(this.#options.extraPolicy));
    this.write('postern.yaml', this.settingsText());
    await this.bootstrap();
    if (this.#options.gateway !== false) await this.startGateway();
  }

  /** Ports are taken freely unless given. */
  settingsText(ports: { readonly mesh?: number; readonly token?: number } = {}): string {
    return `
instance: test
policy: ./policy
listeners:
  - {name: mesh, address: '127.0.0.1:${ports.mesh ?? 0}', protocol: mysql, accept: MeshTls}
  - {name: token, address: '127.0.0.1:${ports.token ?? 0}', protocol: mysql, accept: ProtocolTls, target: data/orders}
${(this.#options.listeners ?? []).map((line) => `  - ${line}\n`).join('')}tls: {certificate: server.pem, key: server-key.pem}
mesh: {certificate: mesh.pem, key: mesh-key.pem}
observability: {address: '127.0.0.1:0'}
${/^workers:/m.test(this.#options.settings ?? '') ? '' : 'workers: 1\n'}${this.#options.settings ?? ''}`;
  }

  /** (Re-)installs the database side for the declaration as it is now. */
  async bootstrap(): Promise<void> {
    await bootstrapAsRoot(join(this.directory, 'policy'), 'data/orders', this.mariadb);
  }

  async startGateway(): Promise<Gateway> {
    const { settings } = readSettings(join(this.directory, 'postern.yaml'));
    this.gateway = await Gateway.start({
      settings,
      clock: this.#options.clock ?? systemClock,
      log: this.#options.log ?? (process.env['WORLD_LOG'] ? stderrLog : silentLog),
      ...(this.#options.trustTargetOnly && { trustTargetOnly: true }),
    });
    await until(() => this.gateway?.readiness().ready === true, 10_000, 'the gateway is ready');
    return this.gateway;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  write(name: string, text: string): void {
    writeFileSync(this.path(name), text, { mode: 0o600 });
  }

  writePolicy(text: string): void {
    this.write('policy/policy.yaml', text);
  }

  policyText(extra = ''): string {
    const text = worldPolicy(this.idp.issuer, this.mariadb.port, extra);
    return this.#options.mysql ? text.replace('\n  mariadb:\n', '\n  mysql:\n') : text;
  }

  port(listener: string): number {
    return Number(this.gateway?.addresses.get(listener)?.split(':').at(-1));
  }

  /** Client certificate of a workload, PEM. */
  workload(namespace: string, serviceAccount: string, from: 'prod' | 'dev' = 'prod') {
    const authority = from === 'prod' ? this.meshCa : this.devCa;
    const spiffeId = `spiffe://${from}.local/ns/${namespace}/sa/${serviceAccount}`;
    return authority.issue({ spiffeId, usages: ['client', 'server'] });
  }

  /** A person's token, good for an hour unless the claims say otherwise. */
  token(subject: string, groups: readonly string[], more: Record<string, unknown> = {}): string {
    return this.idp.token({ aud: 'postern', sub: subject, groups: [...groups], ...more });
  }

  async stop(): Promise<void> {
    await this.gateway?.stop(500);
    await this.mariadb?.stop();
    await this.idp?.close();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

const stderrLog: Log = {
  debug: (message, fields) => console.error('debug', message, fields),
  info: (message, fields) => console.error('info', message, fields),
  warn: (message, fields) => console.error('warn', message, fields),
  error: (message, fields) => console.error('error', message, fields),
};

/** A machine of CI is shared: what is late there is not wrong. What never comes fails all the same. */
const PATIENCE = process.env['CI'] ? 4 : 1;

/** Waits until `holds`; rejects with `what` after `limitMs`, in CI after four times as long. */
export async function until(
  holds: () => boolean | Promise<boolean>,
  limitMs: number,
  what: string,
): Promise<void> {
  const patienceMs = limitMs * PATIENCE;
  const end = Date.now() + patienceMs;
  while (!(await holds())) {
    if (Date.now() > end) throw new Error(`not in ${patienceMs} ms: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}
