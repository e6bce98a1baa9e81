// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import type { BootstrapOutcome } from '../../src/app/bootstrap-target.ts';
import type { AuditLog, NewEvent } from '../../src/audit/record.ts';
import { Broker, type BrokerOptions, type LendRequest } from '../../src/broker/broker.ts';
import { certificateNames } from '../../src/broker/distinguished-name.ts';
import { systemClock } from '../../src/model/clock.ts';
import type { Lease } from '../../src/model/lease.ts';
import { silentLog } from '../../src/model/log.ts';
import type { WorkloadPrincipal } from '../../src/model/principal.ts';
import { Secret } from '../../src/model/secret.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import type { Policy, Target } from '../../src/policy/policy.ts';
import { type GreetedConnection, openAdminConnection } from '../../src/target/mysql/session.ts';
import { bootstrapAsRoot } from './bootstrap.ts';
import { type Authority, createAuthority, type IssuedCertificate } from './certs.ts';
import { type MariadbOptions, startMariadb, type TestMariadb } from './mariadb.ts';
import { startMysql } from './mysql.ts';

const TARGET = 'data/orders';

/** A MariaDB (or MySQL) with TLS and a declaration for it; brokers are made by the tests. */
export class LeaseTarget {
  readonly directory = mkdtempSync(join(tmpdir(), 'postern-lease-'));
  readonly events: NewEvent[] = [];
  readonly #brokers: Broker[] = [];
  #form = 'mariadb';
  /** The product's timers do not keep a process alive; a test that waits for one must. */
  readonly #alive = setInterval(() => undefined, 60_000);
  authority!: Authority;
  upstream!: IssuedCertificate;
  mariadb!: TestMariadb;

  static async start(
    privileges: string,
    sql: string,
    options: MariadbOptions & {
      readonly upstreamSubject?: { commonName?: string; organization?: string };
      readonly mysql?: boolean;
    } = {},
  ): Promise<LeaseTarget> {
    const made = new LeaseTarget();
    const { upstreamSubject, mysql = false, ...mariadb } = options;
    made.#form = mysql ? 'mysql' : 'mariadb';
    made.authority = await createAuthority({ commonName: 'database CA' });
    made.upstream = await made.authority.issue({
      ...(upstreamSubject ?? { commonName: 'postern' }),
      usages: ['client'],
    });
    const server = await made.authority.issue({
      commonName: 'db',
      dnsNames: ['localhost'],
      usages: ['server'],
    });
    made.write('ca.pem', made.authority.certPem);
    made.write('upstream.pem', made.upstream.chainPem);
    made.write('upstream-key.pem', made.upstream.keyPem);
    const { certPem, keyPem } = server;
    const tls = { caPem: made.authority.certPem, certPem, keyPem };
    made.mariadb = await (mysql ? startMysql : startMariadb)({ tls, ...mariadb });
    if (sql) await made.mariadb.rootQuery(sql);
    mkdirSync(join(made.directory, 'policy'));
    made.declare(privileges);
    return made;
  }

  write(name: string, text: string): void {
    writeFileSync(join(this.directory, name), text, { mode: 0o600 });
  }

  /** One role, granted to every workload of cluster `prod`; `more` is further documents. */
  declare(privileges: string, more = ''): void {
    const text = declaration(this.mariadb.port, privileges);
    this.write('policy/orders.yaml', text.replace('  mariadb:', `  ${this.#form}:`) + more);
  }

  bootstrap(): Promise<BootstrapOutcome> {
    return bootstrapAsRoot(join(this.directory, 'policy'), TARGET, this.mariadb);
  }

  async policy(): Promise<{ policy: Policy; target: Target }> {
    const { policy, diagnostics } = await loadPolicy([join(this.directory, 'policy')]);
    const target = policy?.targets.get(TARGET);
    if (!policy || !target) throw new Error(JSON.stringify(diagnostics));
    return { policy, target };
  }

  /** As the gateway logs in: the broker account, over TLS, with the upstream certificate. */
  admin(deadlineMs = 5_000): Promise<GreetedConnection> {
    return openAdminConnection({
      targetName: TARGET,
      endpoint: { host: '127.0.0.1', port: this.mariadb.port },
      tls: {
        mode: 'verified',
        ca: this.authority.certPem,
        serverName: 'localhost',
        cert: this.upstream.chainPem,
        key: new Secret(this.upstream.keyPem),
      },
      user: 'postern_broker',
      password: this.brokerPassword(),
      deadlineMs,
    });
  }

  brokerPassword(): Secret {
    return new Secret(readFileSync(join(this.directory, 'broker-password'), 'utf8').trim());
  }

  /** Not started yet. */
  async broker(options: Partial<BrokerOptions> = {}): Promise<Broker> {
    const broker = new Broker({
      installation: 'test',
      ...(await this.policy()),
      connectAdmin: () => this.admin(),
      clientCertificate: certificateNames(new X509Certificate(this.upstream.certPem)),
      clock: systemClock,
      log: silentLog,
      audit: this.audit(),
      idleTtlMs: 60_000,
      ...options,
    });
    this.#brokers.push(broker);
    return broker;
  }

  audit(): AuditLog {
    return {
      accepting: true,
      append: (event, written) => {
        this.events.push(event);
        written?.(true);
      },
      close: () => Promise.resolve(),
    };
  }

  /** A login with the lease as the gateway makes it, role set. */
  async login(lease: Lease, options: ConnectionOptions = {}): Promise<Connection> {
    const connection = await createConnection({
      ...this.certificateLogin(this.upstream),
      user: lease.account,
      password: lease.password.reveal(),
      ...options,
    });
    await connection.query(`SET ROLE \`${lease.role}\``);
    return connection;
  }

  certificateLogin(
    certificate: { certPem: string; keyPem: string } | undefined,
  ): ConnectionOptions {
    const { authority, mariadb } = this;
    return {
      host: 'localhost',
      port: mariadb.port,
      ssl: {
        ca: authority.certPem,
        ...(certificate && { cert: certificate.certPem, key: certificate.keyPem }),
      },
    };
  }

  async accounts(): Promise<readonly string[]> {
    const rows = await this.mariadb.rootQuery(
      "SELECT User FROM mysql.global_priv WHERE User LIKE 'postern:%' ORDER BY User",
    );
    return rows.map((row) => String(row.User));
  }

  async stop(): Promise<void> {
    clearInterval(this.#alive);
    await Promise.all(this.#brokers.map((broker) => broker.stop()));
    await this.mariadb.stop();
    rmSync(this.directory, { recursive: true, force: true });
  }
}

export function workload(serviceAccount: string): WorkloadPrincipal {
  return {
    kind: 'workload',
    id: `workload/prod/${serviceAccount}`,
    cluster: 'prod',
    namespace: serviceAccount.split('/')[0] ?? '',
    serviceAccount: serviceAccount.split('/')[1] ?? '',
    method: 'mesh-mtls',
    verifiedBy: 'prod',
    claims: {},
    expiresAt: Number.POSITIVE_INFINITY,
  };
}

export function request(serviceAccount = 'payments/checkout', ttlMs = 900_000): LendRequest {
  const access = { privilegeSetId: 'set', roleIds: ['data/orders-role'] };
  return { principal: workload(serviceAccount), access, ttlMs };
}

function declaration(port: number, privileges: string): string {
  return `apiVersion: postern.dev/v1alpha1
kind: Cluster
metadata: {name: prod, labels: {env: prod}}
spec: {trustDomain: prod.local, bundle: {file: ../ca.pem}}
---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: orders, namespace: data, labels: {app: orders}}
spec:
  expose: {service: orders-db, port: 3306}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${port}, role: Primary}]
    schemas: [shop]
    tls:
      ca: {file: ../ca.pem}
      serverName: localhost
      clientCertificate: {cert: {file: ../upstream.pem}, key: {file: ../upstream-key.pem}}
    broker: {user: postern_broker, password: {file: ../broker-password}}
---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: orders-role, namespace: data}
spec:
  privileges:
${privileges}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: all, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}}}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-role
`;
}
