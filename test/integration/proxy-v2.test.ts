// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects, throws } from 'node:assert/strict';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { connect as connectTls } from 'node:tls';
import { type Connection, createConnection } from 'mysql2/promise';
import { parseSettings } from '../../src/config/read.ts';
import { encodeProxyHeader, type ProxyHeader } from '../../src/wire/proxy-v2.ts';
import type { IssuedCertificate } from '../support/certs.ts';
import { newRecords, recordsOf } from '../support/evidence.ts';
import { type FrontProxy, isOnPath, startEnvoy, startHaproxy } from '../support/proxies.ts';
import { RawMysql } from '../support/raw-mysql.ts';
import { until, World } from '../support/world.ts';

const CHECKOUT = 'spiffe://prod.local/ns/payments/sa/checkout';
const LISTENERS = [
  "{name: proxied, address: 'unix:proxied/orders.sock', protocol: mysql, accept: ProxyV2, proxy: {cluster: prod}, target: data/orders}",
  "{name: waypoint, address: '127.0.0.1:0', protocol: mysql, accept: ProxyV2, proxy: {cluster: prod, ownNetworkNamespace: true}}",
];

describe('PROXY protocol in front', () => {
  let world: World;
  before(async () => {
    world = await World.start({
      listeners: LISTENERS,
      settings: 'limits: {handshakeTimeout: 3s}',
    });
    // What a mesh calls a Service's address.
    world.writePolicy(
      world.policyText().replace('orders.db.example]', 'orders.db.example, 10.96.0.7]'),
    );
    await world.gateway?.reload();
  });
  after(() => world?.stop());

  const audit = () => world.path('audit');
  const header = (ids: readonly string[], more: Partial<ProxyHeader> = {}) =>
    encodeProxyHeader({
      source: { ip: '10.1.2.3', port: 40_000 },
      destination: { ip: '10.96.0.7', port: 3306 },
      fields: ids.map((id) => ({ type: 0xd0, value: Buffer.from(id) })),
      ...more,
    });
  const reach = async (listener: 'proxied' | 'waypoint'): Promise<Socket> => {
    const socket =
      listener === 'proxied'
        ? connect(world.path('proxied/orders.sock'))
        : connect({ host: '127.0.0.1', port: world.port('waypoint'), noDelay: true });
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };
  const login = async (first: Buffer, listener: 'proxied' | 'waypoint'): Promise<Connection> => {
    const stream = await reach(listener);
    stream.write(first);
    return createConnection({ stream, user: 'anybody', database: 'shop' });
  };
  const refused = async (first: Buffer, listener: 'proxied' | 'waypoint' = 'proxied') => {
    const known = recordsOf(audit(), 'login-denied').length;
    await rejects(login(first, listener), /Postern/);
    const [record] = await newRecords(audit(), 'login-denied', known);
    return record;
  };

  it('names the caller, where it comes from and what it dialled', async () => {
    for (const listener of ['proxied', 'waypoint'] as const) {
      const connection = await login(header([CHECKOUT]), listener);
      const [rows] = await connection.query('SELECT COUNT(*) AS n FROM orders');
      deepEqual(rows, [{ n: 3 }]);
      await rejects(connection.query('SELECT * FROM secrets'), /Decision/);
      await connection.changeUser({ user: 'other', database: 'shop' });
      await connection.end();
      const opened = recordsOf(audit(), 'session-opened').at(-1);
      deepEqual(
        [opened?.principal, opened?.method, opened?.verifiedBy, opened?.source, opened?.target],
        ['workload/prod/payments/checkout', 'proxy-v2', 'prod', '10.1.2.3:40000', 'data/orders'],
      );
    }
  });

  it('is read however it is cut, and what follows it is not lost', async () => {
    const bytes = header([CHECKOUT]);
    for (let at = 1; at < bytes.length; at += 7) {
      const stream = await reach('waypoint');
      stream.setNoDelay(true);
      stream.write(bytes.subarray(0, at));
      await new Promise((resolve) => setImmediate(resolve));
      stream.write(bytes.subarray(at));
      const connection = await createConnection({ stream, user: 'x', database: 'shop' });
      await connection.end();
    }
  });

  it('is refused without exactly one identity of that mesh', async () => {
    const reasonOf = async (ids: readonly string[]) => (await refused(header(ids)))?.reason;
    equal(await reasonOf([]), 'anonymous');
    equal(await reasonOf(['-']), 'anonymous');
    equal(await reasonOf([CHECKOUT, CHECKOUT]), 'proxy-identity');
    equal(await reasonOf([CHECKOUT.replace('prod', 'dev')]), 'proxy-identity');
    equal(await reasonOf(['spiffe://prod.local/checkout']), 'proxy-identity');
    equal(await reasonOf([CHECKOUT.replace('checkout', 'stranger')]), 'no-grant');
  });

  it('resolves nothing from an address that no target has', async () => {
    for (const destination of [
      { ip: '10.96.0.8', port: 3306 },
      { ip: '10.96.0.7', port: 3307 },
    ]) {
      const stream = await reach('waypoint');
      stream.write(header([CHECKOUT], { destination }));
      equal((await new RawMysql(stream).readErr()).errno, 1049);
    }
  });

  it('is required, once, whole, in time, and not too long', async () => {
    const counted = async () => {
      const page = await fetch(`http://${world.gateway?.probeAddress}/metrics`);
      const line = /postern_connections_failed_total\{listener="waypoint",layer="proxy"\} (\d+)/;
      return Number(line.exec(await page.text())?.[1] ?? 0);
    };
    const before = await counted();
    const local = header([CHECKOUT]);
    local.writeUInt8(0x20, 12);
    const long = header([CHECKOUT]);
    long.writeUInt16BE(0xffff, 14);
    const cutField = header([CHECKOUT]);
    cutField.writeUInt16BE(0x0200, 29);
    for (const bytes of [
      Buffer.from('PROXY TCP4 10.1.2.3 10.96.0.7 40000 3306\r\n'),
      Buffer.from('GET / HTTP/1.1\r\n\r\n'),
      local,
      long,
      cutField,
    ]) {
      const raw = new RawMysql(await reach('waypoint'));
      raw.write(bytes);
      equal(await raw.read(), undefined, 'not a byte comes back');
      raw.close();
    }
    const truncated = await reach('waypoint');
    truncated.end(header([CHECKOUT]).subarray(0, 40));
    const slow = new RawMysql(await reach('waypoint'));
    slow.write(header([CHECKOUT]).subarray(0, 40));
    const begun = Date.now();
    await slow.ended(10_000);
    ok(Date.now() - begun >= 2_500, 'it was given its time');
    await until(async () => (await counted()) === before + 7, 5_000, 'all were counted');

    const twice = new RawMysql(await reach('waypoint'));
    twice.write(Buffer.concat([header([CHECKOUT]), header(['spiffe://prod.local/ns/a/sa/b'])]));
    const greeting = await twice.read();
    equal(greeting?.payload[0], 10);
    await twice.ended();
  });

  it('is off, and on only where nobody else can send it', () => {
    const settings = (line: string) => () =>
      parseSettings(`listeners: [{name: x, protocol: mysql, ${line}}]`, 'x');
    const proxy = 'accept: ProxyV2, proxy: {cluster: prod}';
    throws(settings(`address: '0.0.0.0:3306', ${proxy}`), /PROXY header is not signed/);
    throws(settings(`address: '127.0.0.1:3306', ${proxy}`), /ownNetworkNamespace: true/);
    throws(settings(`address: 'unix:x/y', accept: ProxyV2`), /needs proxy: \{cluster: NAME\}/);
    throws(
      settings(`address: 'unix:x/y', accept: MeshTls, proxy: {cluster: prod}`),
      /only a listener/,
    );
    settings(`address: 'unix:x/y', ${proxy}`)();
  });

  it('of HAProxy says where a connection is from, and not who it is', async (context) => {
    if (!isOnPath('haproxy')) return context.skip('HAProxy is not there');
    const haproxy = await startHaproxy(world, world.path('proxied/orders.sock'));
    try {
      const known = recordsOf(audit(), 'login-denied').length;
      const { port } = haproxy;
      await rejects(createConnection({ host: '127.0.0.1', port, user: 'x' }), /Access denied/);
      const record = (await newRecords(audit(), 'login-denied', known)).at(-1);
      equal(record?.reason, 'anonymous');
      match(String(record?.source), /^127\.0\.0\.1:\d+$/);
    } finally {
      await haproxy.stop();
    }
  });

  it('of Envoy names the workload whose certificate Envoy verified', async (context) => {
    if (!isOnPath('envoy')) return context.skip('Envoy is not there');
    const envoy = await startEnvoy(world, world.path('proxied/orders.sock'));
    try {
      const connection = await throughEnvoy(envoy, await world.workload('payments', 'checkout'));
      const [rows] = await connection.query('SELECT COUNT(*) AS n FROM orders');
      deepEqual(rows, [{ n: 3 }]);
      await connection.end();
      const opened = recordsOf(audit(), 'session-opened').at(-1);
      deepEqual(
        [opened?.principal, opened?.method],
        ['workload/prod/payments/checkout', 'proxy-v2'],
      );
      // Of the right authority, but no workload: Envoy lets it through, Postern does not.
      const nobody = await world.meshCa.issue({ dnsNames: ['x'], usages: ['client'] });
      const known = recordsOf(audit(), 'login-denied').length;
      await rejects(throughEnvoy(envoy, nobody), /Access denied/);
      const record = (await newRecords(audit(), 'login-denied', known)).at(-1);
      equal(record?.reason, 'anonymous', record?.detail);
    } finally {
      await envoy.stop();
    }
  });

  async function throughEnvoy(envoy: FrontProxy, identity: IssuedCertificate): Promise<Connection> {
    const stream = connectTls({
      ...{ host: '127.0.0.1', port: envoy.port, ca: world.meshCa.certPem },
      ...{ cert: identity.chainPem, key: identity.keyPem, ALPNProtocols: ['istio'] },
      checkServerIdentity: () => undefined,
    });
    stream.on('error', () => undefined);
    await once(stream, 'secureConnect');
    return createConnection({ stream, user: 'anybody', database: 'shop' });
  }
});
