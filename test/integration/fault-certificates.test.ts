// SPDX-License-Identifier: Apache-2.0
import { equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, connect, type TLSSocket } from 'node:tls';
import type { RowDataPacket } from 'mysql2/promise';
import { createConnection } from 'mysql2/promise';
import { refusalText } from '../../src/identity/refusal-text.ts';
import type { DenialReason } from '../../src/model/decision.ts';
import { createAuthority, type IssuedCertificate } from '../support/certs.ts';
import { asWorkload, sidecar } from '../support/drivers.ts';
import { auditRecords, newRecords, recordsOf } from '../support/evidence.ts';
import { ERR, loginResponse, RawMysql } from '../support/raw-mysql.ts';
import { until, World } from '../support/world.ts';

const ORDERS = 'outbound_.3306_._.orders-db.data.svc.cluster.local';
const CHECKOUT = 'spiffe://prod.local/ns/payments/sa/checkout';
const SECOND_MS = 1_000;
/** Some 20 seconds of work; unlike SLEEP it goes on when nobody listens any more. */
const BUSY = "BENCHMARK(60000000, SHA2('x', 512))";

/** A second target on the same server; nobody has a grant on it. */
const STOCK = (port: number) => `
---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: stock, namespace: data, labels: {app: stock, env: prod}}
spec:
  expose: {service: stock-db, port: 3306, hostnames: [stock.db.example]}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${port}, role: Primary}]
    schemas: [shop]
    tls:
      ca: {file: ../db-ca.pem}
      serverName: localhost
      clientCertificate: {cert: {file: ../upstream.pem}, key: {file: ../upstream-key.pem}}
    broker: {user: postern_stock, password: {file: ../stock-password}}
`;

describe('bad certificates at the gateway', () => {
  let world: World;
  before(async () => {
    world = await World.start();
  });
  after(() => world.stop());
  const audit = () => world.path('audit');

  async function handshake(
    identity: { certPem?: string; chainPem?: string; keyPem: string } | undefined,
    more: ConnectionOptions = {},
  ): Promise<TLSSocket> {
    const socket = connect({
      host: '127.0.0.1',
      port: world.port('mesh'),
      servername: ORDERS,
      ALPNProtocols: ['istio'],
      ca: world.meshCa.certPem,
      checkServerIdentity: () => undefined,
      ...(identity && { cert: identity.chainPem ?? identity.certPem ?? '', key: identity.keyPem }),
      ...more,
    });
    await once(socket, 'secureConnect');
    return socket;
  }

  /** The refusal as the peer hears it and as the audit knows it. */
  async function refusal(
    identity: Parameters<typeof handshake>[0],
    more: ConnectionOptions = {},
  ): Promise<{ errno: number; message: string; reason: string; detail: string; target?: string }> {
    const before = recordsOf(audit(), 'login-denied').length;
    const leases = leaseRecords();
    const raw = new RawMysql(await handshake(identity, more));
    const first = await raw.read();
    let err = first?.payload;
    if (err?.[0] !== ERR) {
      raw.send(loginResponse({ database: 'shop' }), 1);
      err = (await raw.read())?.payload;
    }
    ok(err && err[0] === ERR, 'no ERR');
    await raw.ended();
    const [record] = await newRecords(audit(), 'login-denied', before);
    equal(leaseRecords(), leases, 'a lease was made');
    const message = err.toString('utf8', 9);
    ok(record && message.includes(record.id));
    const { reason, detail, target } = record;
    return { errno: err.readUInt16LE(1), message, reason, detail, ...(target && { target }) };
  }

  const leaseRecords = () =>
    auditRecords(audit()).filter((one) => one.event === 'gateway' && one.what === 'lease').length;

  async function refusedCertificate(
    identity: Parameters<typeof handshake>[0],
    reason: DenialReason,
    detail: RegExp,
  ): Promise<void> {
    const found = await refusal(identity);
    equal(found.errno, 1045);
    const told = found.message.replace(/\. Decision (\S+): postern explain \1$/, '');
    equal(told, `Postern: ${refusalText(reason)}`);
    equal(found.reason, reason);
    match(found.detail, detail);
  }

  it('refuses what another authority issued, or the right one for another cluster', async () => {
    const evil = await createAuthority({ commonName: 'mesh' });
    const client = { usages: ['client'] as const };
    await refusedCertificate(
      await evil.issue({ spiffeId: CHECKOUT, ...client }),
      'certificate-untrusted',
      /chains to no root in the bundle of Cluster prod/,
    );
    await refusedCertificate(
      await world.meshCa.issue({ spiffeId: CHECKOUT.replace('prod', 'dev'), ...client }),
      'certificate-untrusted',
      /its root belongs to Cluster prod/,
    );
    await refusedCertificate(
      await world.devCa.issue({ spiffeId: CHECKOUT, ...client }),
      'certificate-untrusted',
      /its root belongs to Cluster dev/,
    );
  });

  it('refuses two names, an authority, a wrong purpose, no certificate at all', async () => {
    await refusedCertificate(
      await world.meshCa.issue({
        uris: [CHECKOUT, 'spiffe://prod.local/ns/a/sa/b'],
        usages: ['client'],
      }),
      'certificate-identity',
      /2 URI names/,
    );
    await refusedCertificate(
      await world.meshCa.issue({ dnsNames: ['checkout.payments'], usages: ['client'] }),
      'certificate-identity',
      /0 URI names/,
    );
    await refusedCertificate(
      await world.meshCa.intermediate({ spiffeId: CHECKOUT }),
      'certificate-not-leaf',
      /authority/,
    );
    await refusedCertificate(
      await world.meshCa.issue({ spiffeId: CHECKOUT, usages: ['server'] }),
      'certificate-usage',
      /clientAuth/,
    );
    await refusedCertificate(undefined, 'anonymous', /no certificate/);
  });

  it('refuses what has ended or not begun', async () => {
    const ended = new Date(Date.now() - 60_000);
    await refusedCertificate(
      await world.meshCa.issue({
        spiffeId: CHECKOUT,
        notBefore: new Date(ended.getTime() - 60_000),
        notAfter: ended,
      }),
      'certificate-expired',
      /ended at \d{4}/,
    );
    await refusedCertificate(
      await world.meshCa.issue({ spiffeId: CHECKOUT, notBefore: new Date(Date.now() + 120_000) }),
      'certificate-expired',
      /starts at \d{4}/,
    );
  });

  const shortLived = (ms: number): Promise<IssuedCertificate> =>
    world.meshCa.issue({ spiffeId: CHECKOUT, notAfter: new Date(Date.now() + ms) });

  it('ends sessions by the end of their certificate: idle ones before, busy ones then', async () => {
    const before = recordsOf(audit(), 'session-closed').length;
    const notAfter = Math.floor((Date.now() + 3 * SECOND_MS) / 1000) * 1000;
    const identity = await shortLived(3 * SECOND_MS);
    const open = async () =>
      createConnection({ stream: await sidecar(world, identity), user: 'x', database: 'shop' });
    const [idle, busy, other] = [await open(), await open(), await asWorkload(world)];
    idle.on('error', () => undefined);
    const idleEnded = once(idle, 'end').then(() => Date.now());
    await rejects(busy.query(`SELECT ${BUSY}`), /identity-expired/);
    const late = Date.now() - notAfter;
    ok(late >= 0 && late < 1_500, `the busy session ended ${late} ms after its certificate`);
    await rejects(idle.query('SELECT 1'));
    ok((await idleEnded) - notAfter < 1_500);
    for (const closed of await newRecords(audit(), 'session-closed', before, 2)) {
      match(closed.reason ?? '', /^identity-expired/);
    }
    await rejects(open(), /Access denied/);
    // The statement does not go on running for nobody.
    await until(async () => (await working()) === 0, 1_000, 'the statement was killed');
    const [rows] = await other.query<RowDataPacket[]>('SELECT 1 AS one');
    equal(rows[0]?.['one'], 1);
    await other.end();
  });

  async function working(): Promise<number> {
    const rows = await world.mariadb.rootQuery(
      "SELECT COUNT(*) AS n FROM information_schema.processlist WHERE info LIKE 'SELECT BENCH%'",
    );
    return Number(rows[0]?.n);
  }

  it('does not guess a target: unknown names, no name, the name of another target', async () => {
    const identity = await world.workload('payments', 'checkout');
    for (const servername of [
      'unknown.example',
      'outbound_.3307_._.orders-db.data.svc.cluster.local',
    ]) {
      const found = await refusal(identity, { servername });
      equal(found.errno, 1049);
      equal(found.reason, 'target-unresolved');
      ok(found.detail.includes(servername));
    }
    const unnamed = await refusal(identity, { servername: '' });
    equal(unnamed.reason, 'target-unresolved');
    match(unnamed.detail, /names no target/);

    world.writePolicy(world.policyText(STOCK(world.mariadb.port)));
    await until(
      async () => world.gateway?.readiness().targets['data/stock'] !== undefined,
      5_000,
      'stock is declared',
    );
    // Not bootstrapped, so nobody gets in; it must not be taken for the one that would let them.
    const stock = await refusal(identity, { servername: 'stock.db.example' });
    equal(stock.target, 'data/stock');
    equal(stock.reason, 'target-unavailable');
    world.writePolicy(world.policyText());
    await until(
      () => world.gateway?.readiness().targets['data/stock'] === undefined,
      5_000,
      'stock is gone',
    );
  });

  it('refuses ALPN without istio, and TLS before 1.2, by alert', async () => {
    const identity = await world.workload('payments', 'checkout');
    for (const ALPNProtocols of [['istio-peer-exchange'], ['h2', 'http/1.1']]) {
      await rejects(handshake(identity, { ALPNProtocols }), /no application protocol/);
    }
    const both = await handshake(identity, { ALPNProtocols: ['istio-peer-exchange', 'istio'] });
    equal(both.alpnProtocol, 'istio');
    both.destroy();
    await rejects(
      handshake(identity, {
        minVersion: 'TLSv1',
        maxVersion: 'TLSv1.1',
        ciphers: 'DEFAULT@SECLEVEL=0',
      }),
      /alert|protocol version|ECONNRESET/i,
    );
  });

  it('resumes no TLS session, because a resumed one would not prove the certificate again', async () => {
    const identity = await world.workload('payments', 'checkout');
    for (const version of ['TLSv1.2', 'TLSv1.3'] as const) {
      const how = { minVersion: version, maxVersion: version };
      const first = await handshake(identity, how);
      const tickets: Buffer[] = [];
      first.on('session', (ticket: Buffer) => tickets.push(ticket));
      await new RawMysql(first).read();
      equal(first.getTLSTicket(), undefined);
      const session = tickets[0] ?? first.getSession();
      first.destroy();
      const second = await handshake(identity, { ...how, ...(session && { session }) });
      equal(second.isSessionReused(), false, version);
      second.destroy();
    }
  });

  it("takes up the gateway's own new certificate while sessions run", async () => {
    const identity = await world.workload('payments', 'checkout');
    const shown = async () => {
      const socket = await handshake(identity);
      const { fingerprint256 } = socket.getPeerCertificate();
      socket.destroy();
      return fingerprint256;
    };
    const old = await asWorkload(world);
    const before = await shown();
    const next = await world.meshCa.issue({
      spiffeId: 'spiffe://prod.local/ns/postern-system/sa/postern',
      usages: ['server', 'client'],
    });
    // Between the two files the pair does not match: the old one stays in use.
    world.write('mesh.pem', next.chainPem);
    await new Promise((resolve) => setTimeout(resolve, 400));
    equal(await shown(), before);
    world.write('mesh-key.pem', next.keyPem);
    await until(async () => (await shown()) !== before, 3_000, 'the new certificate is shown');
    world.write('mesh.pem', 'not a certificate');
    await new Promise((resolve) => setTimeout(resolve, 400));
    notEqual(await shown(), before);
    world.write('mesh.pem', next.chainPem);
    const [rows] = await old.query<RowDataPacket[]>('SELECT 1 AS one');
    equal(rows[0]?.['one'], 1);
    await old.end();
    const fresh = await asWorkload(world);
    await fresh.end();
  });
});
