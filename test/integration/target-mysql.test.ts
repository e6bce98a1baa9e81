// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type ErrorCode, PosternError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import type { TlsChoice } from '../../src/target/mysql/login.ts';
import {
  type AdminLogin,
  openAdminConnection,
  probeGreeting,
} from '../../src/target/mysql/session.ts';
import { plainServerVersion } from '../../src/wire/mysql/handshake.ts';
import { type Authority, createAuthority, type IssuedCertificate } from '../support/certs.ts';
import { startMariadb, type TestMariadb } from '../support/mariadb.ts';

let authority: Authority;
let stranger: Authority;
let ours: IssuedCertificate;
let db: TestMariadb;

before(async () => {
  authority = await createAuthority();
  stranger = await createAuthority();
  const server = await authority.issue({ ipAddresses: ['127.0.0.1'], dnsNames: ['db.example'] });
  ours = await authority.issue({ commonName: 'postern' });
  db = await startMariadb({
    tls: { caPem: authority.certPem, certPem: server.chainPem, keyPem: server.keyPem },
  });
  await db.rootQuery(`
    CREATE DATABASE shop;
    CREATE TABLE shop.orders (id INT PRIMARY KEY, note VARCHAR(40) CHARSET utf8mb4);
    INSERT INTO shop.orders VALUES (1, 'größe 👟'), (2, NULL);
    CREATE PROCEDURE shop.two_results() BEGIN SELECT id FROM shop.orders; SELECT 'x'; END;
    CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret';
    GRANT ALL ON shop.* TO app@'127.0.0.1';
    CREATE USER bound@'127.0.0.1' IDENTIFIED BY 'secret' REQUIRE SUBJECT '/CN=postern';
  `);
});

after(() => db.stop());

function loginAs(user: string, changes: Partial<AdminLogin> = {}): AdminLogin {
  return {
    targetName: 'orders',
    endpoint: { host: '127.0.0.1', port: db.port },
    tls: verified(),
    user,
    password: new Secret('secret'),
    deadlineMs: 5000,
    ...changes,
  };
}

function verified(changes: Partial<Extract<TlsChoice, { mode: 'verified' }>> = {}): TlsChoice {
  return { mode: 'verified', ca: authority.certPem, ...changes };
}

function code(expected: ErrorCode, text = /./) {
  return (error: unknown) => {
    assert.ok(error instanceof PosternError, String(error));
    assert.equal(error.code, expected, error.message);
    assert.match(error.message, text);
    return true;
  };
}

async function one(login: AdminLogin, sql: string): Promise<string | null | undefined> {
  const connection = await openAdminConnection(login);
  try {
    return (await connection.query(sql)).rows[0]?.at(-1);
  } finally {
    await connection.close();
  }
}

const CIPHER = "SHOW STATUS LIKE 'Ssl_cipher'";

describe('login to MariaDB', () => {
  it('verifies an address as the endpoint', async () => {
    assert.match(String(await one(loginAs('app'), CIPHER)), /\w/);
  });

  it('verifies another name when told to', async () => {
    const tls = verified({ serverName: 'db.example' });
    assert.match(String(await one(loginAs('app', { tls }), CIPHER)), /\w/);
    const wrong = loginAs('app', { tls: verified({ serverName: 'other.example' }) });
    await assert.rejects(openAdminConnection(wrong), code('tls-failed', /other\.example/));
  });

  it('trusts its own authority only', async () => {
    const login = loginAs('app', { tls: verified({ ca: stranger.certPem }) });
    await assert.rejects(openAdminConnection(login), code('tls-failed'));
    const skipped = loginAs('app', { tls: { mode: 'insecureSkipVerify' } });
    assert.match(String(await one(skipped, CIPHER)), /\w/);
  });

  it('logs in without TLS, and over a Unix socket, when that is the choice', async () => {
    const plain: TlsChoice = { mode: 'plaintext' };
    assert.equal(await one(loginAs('app', { tls: plain }), CIPHER), '');
    const endpoint = { socketPath: db.socketPath };
    const password = new Secret(db.rootPassword);
    const root = loginAs('root', { tls: plain, endpoint, password });
    assert.equal(await one(root, 'SELECT USER()'), 'root@localhost');
  });

  it('shows the certificate an account is bound to', async () => {
    const tls = verified({ cert: ours.chainPem, key: ours.keyPem });
    assert.equal(await one(loginAs('bound', { tls }), 'SELECT 1'), '1');
    await assert.rejects(openAdminConnection(loginAs('bound')), code('target-refused', /1045/));
  });

  it('tells number and text of a refusal, never the password', async () => {
    const login = loginAs('app', { password: new Secret('wrong-secret') });
    await assert.rejects(openAdminConnection(login), (error: unknown) => {
      assert.ok(error instanceof PosternError);
      assert.deepEqual([error.facts['errno'], error.facts['sqlState']], [1045, '28000']);
      assert.ok(!error.message.includes('wrong-secret'));
      return code('target-refused', /Access denied/)(error);
    });
    const nowhere = loginAs('app', { database: 'nowhere' });
    await assert.rejects(openAdminConnection(nowhere), code('target-refused', /1044|1049/));
  });

  it('reports an endpoint where nobody listens', async () => {
    const login = loginAs('app', { endpoint: { host: '127.0.0.1', port: 1 } });
    await assert.rejects(openAdminConnection(login), code('target-unreachable', /ECONNREFUSED/));
  });

  it('gives up on a server that stopped answering', async () => {
    db.pause();
    try {
      const login = loginAs('app', { deadlineMs: 200 });
      await assert.rejects(openAdminConnection(login), code('timeout', /200 ms/));
    } finally {
      db.resume();
    }
  });

  it('probes the version without counting as a broken connection', async () => {
    const aborted = () => db.rootQuery("SHOW GLOBAL STATUS LIKE 'Aborted_connects'");
    const before = await aborted();
    const greeting = await probeGreeting(loginAs('app'));
    assert.match(plainServerVersion(greeting.serverVersion), /^1\d\.\d+\.\d+-MariaDB/);
    assert.deepEqual(await aborted(), before);
  });
});

describe('administrative connection', () => {
  it('runs statements in order and reads text as utf8mb4', async () => {
    const connection = await openAdminConnection(loginAs('app', { database: 'shop' }));
    const [orders, inserted, count] = await Promise.all([
      connection.query('SELECT id, note FROM orders ORDER BY id'),
      connection.query("INSERT INTO orders VALUES (3, 'neu')"),
      connection.query('SELECT COUNT(*) FROM orders'),
    ]);
    assert.deepEqual(orders.columns, ['id', 'note']);
    assert.deepEqual(orders.rows, [
      ['1', 'größe 👟'],
      ['2', null],
    ]);
    assert.equal(inserted.affectedRows, 1);
    assert.deepEqual(count.rows, [['3']]);
    assert.match(connection.serverVersion, /MariaDB/);
    assert.deepEqual((await connection.query('SELECT CONNECTION_ID()')).rows, [
      [String(connection.connectionId)],
    ]);
    await connection.close();
    assert.ok(connection.closed);
    await assert.rejects(connection.query('SELECT 1'), code('peer-closed'));
  });

  it('gives the first result of a procedure', async () => {
    const connection = await openAdminConnection(loginAs('app', { database: 'shop' }));
    const { columns, rows } = await connection.query('CALL two_results()');
    assert.deepEqual(columns, ['id']);
    assert.deepEqual(rows[0], ['1']);
    assert.deepEqual((await connection.query('SELECT 5')).rows, [['5']]);
    await connection.close();
  });

  it('goes on after an error, and takes one statement at a time', async () => {
    const connection = await openAdminConnection(loginAs('app'));
    const both = connection.query('DO 1; DO 2');
    await assert.rejects(both, code('target-error', /error 1064/));
    await assert.rejects(connection.query('SELECT nope'), (error: unknown) => {
      assert.ok(error instanceof PosternError);
      assert.deepEqual([error.facts['errno'], error.facts['sqlState']], [1054, '42S22']);
      return true;
    });
    assert.deepEqual((await connection.query('SELECT 1')).rows, [['1']]);
    await connection.close();
  });

  it('reads long results in many packets', async () => {
    const connection = await openAdminConnection(loginAs('app', { database: 'shop' }));
    const sql = "SELECT seq, REPEAT('x', 500) FROM seq_1_to_5000";
    const { rows } = await connection.query(sql);
    assert.equal(rows.length, 5000);
    assert.equal(rows[4999]?.[1]?.length, 500);
    await connection.close();
  });

  it('ends a statement at its deadline, and the connection with it', async () => {
    const connection = await openAdminConnection(loginAs('app', { queryDeadlineMs: 150 }));
    const slow = connection.query('SELECT SLEEP(20)');
    const waiting = connection.query('SELECT 1');
    await assert.rejects(slow, code('timeout', /150 ms/));
    await assert.rejects(waiting, code('peer-closed'));
    assert.ok(connection.closed);
  });

  it('notices that it was killed, idle or at work', async () => {
    const idle = await openAdminConnection(loginAs('app'));
    const busy = await openAdminConnection(loginAs('app'));
    const sleeping = assert.rejects(busy.query('SELECT SLEEP(20)'), code('peer-closed'));
    await db.rootQuery(`DO SLEEP(0.1); KILL ${busy.connectionId}; KILL ${idle.connectionId}`);
    await sleeping;
    await assert.rejects(idle.query('SELECT 1'), code('peer-closed'));
    assert.ok(idle.closed);
    assert.ok(busy.closed);
  });
});
