// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import { createAuthority, type IssuedCertificate } from '../support/certs.ts';
import { withToken } from '../support/drivers.ts';
import { newRecords, recordsOf } from '../support/evidence.ts';
import { ticketFor } from '../support/ticket.ts';
import { until, World } from '../support/world.ts';

const CHECKOUT = 'spiffe://prod.local/ns/payments/sa/checkout';

describe('protocol TLS with a client certificate', () => {
  let world: World;
  before(async () => {
    world = await World.start();
  });
  after(() => world?.stop());

  const audit = () => world.path('audit');
  const withCertificate = (
    identity: IssuedCertificate,
    more: ConnectionOptions = {},
  ): Promise<Connection> =>
    createConnection({
      ...{ host: 'localhost', port: world.port('token'), user: 'anybody', database: 'shop' },
      ssl: { ca: world.serverCa.certPem, cert: identity.chainPem, key: identity.keyPem },
      ...more,
    });

  it('is the identity, whatever user name and password come with it', async () => {
    const identity = await world.workload('payments', 'checkout');
    const ticket = await ticketFor(world, world.token('ada', ['analysts']));
    const logins: ConnectionOptions[] = [
      {},
      { user: '', password: 'ignored' },
      { user: ticket.user, password: ticket.password },
    ];
    for (const login of logins) {
      const connection = await withCertificate(identity, login);
      const [rows] = await connection.query('SELECT COUNT(*) AS n FROM orders');
      deepEqual(rows, [{ n: 3 }]);
      await rejects(connection.query('SELECT * FROM secrets'), /Decision/);
      await connection.changeUser({ user: 'other', database: 'shop' });
      await connection.query('SELECT name FROM products');
      await connection.end();
    }
    const opened = recordsOf(audit(), 'session-opened');
    deepEqual(
      opened.map((one) => [one.principal, one.method, one.verifiedBy, one.ticket]),
      Array(3).fill(['workload/prod/payments/checkout', 'client-certificate', 'prod', undefined]),
    );
  });

  it('is given by the mariadb command as well', async () => {
    const identity = await world.workload('payments', 'checkout');
    world.write('client.pem', identity.chainPem);
    world.write('client-key.pem', identity.keyPem);
    const said = await promisify(execFile)('mariadb', [
      ...['--no-defaults', '--protocol=tcp', '--host=localhost', `--port=${world.port('token')}`],
      ...[`--ssl-ca=${world.path('server-ca.pem')}`, '--ssl-verify-server-cert'],
      ...[`--ssl-cert=${world.path('client.pem')}`, `--ssl-key=${world.path('client-key.pem')}`],
      ...[
        '--user=me',
        '--batch',
        '--skip-column-names',
        'shop',
        '-e',
        'SELECT COUNT(*) FROM orders',
      ],
    ]);
    deepEqual([said.stderr, said.stdout], ['', '3\n']);
  });

  it('is optional: tokens and tickets go on to work', async () => {
    const token = world.token('ada', ['analysts']);
    await (await withToken(world, token)).end();
    const { user, password } = await ticketFor(world, token);
    const ssl = { ca: world.serverCa.certPem };
    const port = world.port('token');
    await (await createConnection({ host: 'localhost', port, user, password, ssl })).end();
  });

  it('is refused with its reason and without falling back', async () => {
    const client = { usages: ['client'] as const };
    const past = Date.now() - 60_000;
    const evil = await createAuthority({ commonName: 'mesh' });
    const cases: readonly (readonly [IssuedCertificate, string])[] = [
      [await evil.issue({ spiffeId: CHECKOUT, ...client }), 'certificate-untrusted'],
      [await world.devCa.issue({ spiffeId: CHECKOUT, ...client }), 'certificate-untrusted'],
      [
        await world.meshCa.issue({
          ...{ spiffeId: CHECKOUT, ...client },
          ...{ notBefore: new Date(past - 60_000), notAfter: new Date(past) },
        }),
        'certificate-expired',
      ],
      [
        await world.meshCa.issue({ uris: [CHECKOUT, 'spiffe://prod.local/ns/a/sa/b'], ...client }),
        'certificate-identity',
      ],
      [await world.meshCa.issue({ spiffeId: CHECKOUT, usages: ['server'] }), 'certificate-usage'],
    ];
    const authority = await world.meshCa.intermediate({ spiffeId: CHECKOUT });
    const { certPem, keyPem } = authority;
    const all = [
      ...cases,
      [{ certPem, keyPem, chainPem: certPem }, 'certificate-not-leaf'] as const,
    ];
    // With a token and a ticket that would be good alone.
    const password = world.token('ada', ['analysts']);
    const ticket = await ticketFor(world, password);
    const logins = [
      { user: 'ada', password, enableCleartextPlugin: true },
      { user: ticket.user, password: ticket.password },
    ];
    for (const [identity, reason] of all) {
      for (const login of logins) {
        const known = recordsOf(audit(), 'login-denied').length;
        await rejects(withCertificate(identity, login as ConnectionOptions), /Access denied/);
        const [record] = await newRecords(audit(), 'login-denied', known);
        equal(record?.reason, reason, record?.detail);
      }
    }
  });

  it('ends the session with itself', async () => {
    const end = new Date(Math.ceil((Date.now() + 3_000) / 1000) * 1000);
    const identity = await world.meshCa.issue({
      ...{ spiffeId: CHECKOUT, notAfter: end, usages: ['client'] },
    });
    await until(() => world.gateway?.sessions.length === 0, 5_000, 'earlier sessions have ended');
    const before = recordsOf(audit(), 'session-closed').length;
    const connection = await withCertificate(identity);
    connection.on('error', () => undefined);
    await connection.query('SELECT 1');
    await until(() => world.gateway?.sessions.length === 0, 15_000, 'the session has ended');
    const [closed] = await newRecords(audit(), 'session-closed', before);
    match(String(closed?.reason), /identity-expired/);
    ok(Date.now() < end.getTime() + 5_000);
    connection.destroy();
  });

  it('counts handshakes that fail', async () => {
    const counted = async () => {
      const page = await fetch(`http://${world.gateway?.probeAddress}/metrics`);
      const line = /postern_connections_failed_total\{listener="(token|mesh)",layer="tls"\} (\d+)/g;
      return Object.fromEntries(
        [...(await page.text()).matchAll(line)].map(([, name, value]) => [name, Number(value)]),
      );
    };
    const before = await counted();
    const wrong = createConnection({
      ...{ host: 'localhost', port: world.port('token'), user: 'x' },
      ssl: { ca: world.dbCa.certPem },
    });
    await rejects(wrong);
    const socket = connect(world.port('mesh'), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.end('this is no TLS at all\r\n\r\n');
    await until(
      async () => {
        const now = await counted();
        return ['token', 'mesh'].every((name) => (now[name] ?? 0) === (before[name] ?? 0) + 1);
      },
      5_000,
      'both were counted',
    );
  });

  it('refuses a database name that could be read in two ways', async () => {
    const token = world.token('ada', ['analysts']);
    const odd = withToken(world, token, { database: 'caf\u00e9', charset: 'LATIN1_SWEDISH_CI' });
    await rejects(odd, /database must be ASCII/);
  });
});
