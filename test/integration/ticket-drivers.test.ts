// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, rejects } from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { promisify } from 'node:util';
import { createConnection as createMariadb } from 'mariadb';
import { createConnection as createMysql2 } from 'mysql2/promise';
import { TICKET_LISTENERS, type Ticket, ticketFor } from '../support/ticket.ts';
import { World } from '../support/world.ts';

const DEBIAN_ROOT = process.env['POSTERN_DEBIAN_ROOT'] ?? '';
const SQL = 'SELECT name FROM products ORDER BY id';
const NAMES = ['kettle', 'teapot'];

/** How a driver reaches the gateway with a ticket. */
type Way = 'TLS' | 'loopback' | 'socket';
const WAYS: readonly Way[] = ['TLS', 'loopback', 'socket'];

describe('stock drivers with a ticket', () => {
  let world: World;
  let ticket: Ticket;
  before(async () => {
    world = await World.start({ listeners: TICKET_LISTENERS });
    ticket = await ticketFor(world, world.token('ada', ['analysts']));
  });
  after(() => world?.stop());

  const run = async (program: string, words: readonly string[], env: NodeJS.ProcessEnv = {}) => {
    const options = { env: { ...process.env, ...env }, timeout: 60_000 };
    const { stdout } = await promisify(execFile)(program, [...words], options);
    return stdout.trim().split('\n');
  };
  const socketPath = () => world.path('tickets/orders.sock');
  const login = () => ({ user: ticket.user, password: ticket.password, database: 'shop' });
  /** What the two drivers for Node have in common. */
  const reached = (way: Way) => ({
    ...login(),
    ...(way === 'socket'
      ? { socketPath: socketPath() }
      : { host: 'localhost', port: world.port(way === 'TLS' ? 'token' : 'plain') }),
    ...(way === 'loopback' && { host: '127.0.0.1' }),
    ...(way === 'TLS' && { ssl: { ca: world.serverCa.certPem } }),
  });

  for (const way of WAYS) {
    it(`mysql2, ${way}`, async () => {
      const connection = await createMysql2(reached(way));
      const [rows] = await connection.query(SQL);
      deepEqual(
        (rows as { name: string }[]).map(({ name }) => name),
        NAMES,
      );
      await connection.changeUser(login());
      await connection.query(SQL);
      await connection.end();
    });

    it(`MariaDB Connector/Node.js, ${way}`, async () => {
      const connection = await createMariadb(reached(way));
      const rows = await connection.query(SQL);
      deepEqual(
        (rows as { name: string }[]).map(({ name }) => name),
        NAMES,
      );
      await connection.changeUser(login());
      await connection.reset();
      await connection.query(SQL);
      await connection.end();
    });

    for (const plugin of ['mysql_native_password', 'caching_sha2_password']) {
      it(`mariadb command line, ${way}, ${plugin}`, async () => {
        const words = (user: string) => [
          ...['--no-defaults', `--user=${user}`, `--default-auth=${plugin}`],
          ...(way === 'socket'
            ? [`--socket=${socketPath()}`]
            : ['--protocol=tcp', `--host=${way === 'TLS' ? 'localhost' : '127.0.0.1'}`]),
          ...(way === 'loopback' ? [`--port=${world.port('plain')}`, '--skip-ssl'] : []),
          ...(way === 'TLS'
            ? [
                `--port=${world.port('token')}`,
                `--ssl-ca=${world.path('server-ca.pem')}`,
                '--ssl-verify-server-cert',
              ]
            : []),
          ...['--batch', '--skip-column-names', 'shop', '-e', SQL],
        ];
        const env = { MYSQL_PWD: ticket.password };
        deepEqual(await run('mariadb', words(ticket.user), env), NAMES);
        await rejects(run('mariadb', words(ticket.user), { MYSQL_PWD: 'wrong' }), /ERROR 1045/);
      });
    }

    it(`PyMySQL, ${way}`, async () => {
      const where = {
        TLS: `host='localhost', port=${world.port('token')}, ssl_ca='${world.path('server-ca.pem')}'`,
        loopback: `host='127.0.0.1', port=${world.port('plain')}`,
        socket: `unix_socket='${socketPath()}'`,
      }[way];
      const script = `import os, pymysql
c = pymysql.connect(user='${ticket.user}', password=os.environ['SECRET'], database='shop', ${where})
q = c.cursor()
q.execute('${SQL}')
print('\\n'.join(row[0] for row in q.fetchall()))`;
      const env = {
        PYTHONPATH: `${DEBIAN_ROOT}/usr/lib/python3/dist-packages`,
        SECRET: ticket.password,
      };
      deepEqual(await run('/usr/bin/python3', ['-c', script], env), NAMES);
    });
  }

  it('MariaDB Connector/J, TLS and loopback', async () => {
    const jar = [DEBIAN_ROOT, '']
      .map((root) => `${root}/usr/share/java/mariadb-java-client.jar`)
      .find((path) => existsSync(path));
    world.write(
      'Login.java',
      `import java.sql.*;
public class Login {
  public static void main(String[] urls) throws Exception {
    for (String url : urls) {
      try (Connection c = DriverManager.getConnection(url, System.getenv("TICKET"), System.getenv("SECRET"));
          ResultSet r = c.createStatement().executeQuery("${SQL}")) {
        while (r.next()) System.out.println(r.getString(1));
      }
    }
  }
}
`,
    );
    const urls = [
      `jdbc:mariadb://127.0.0.1:${world.port('plain')}/shop`,
      `jdbc:mariadb://localhost:${world.port('token')}/shop?useSsl=true&serverSslCert=${world.path('server-ca.pem')}`,
    ];
    const flags = ['-XX:TieredStopAtLevel=1', '-XX:+UseSerialGC', '-cp', jar ?? ''];
    const env = { TICKET: ticket.user, SECRET: ticket.password };
    const printed = await run('java', [...flags, world.path('Login.java'), ...urls], env);
    deepEqual(printed, [...NAMES, ...NAMES]);
    equal(world.gateway?.sessions.length, 0);
  });
});
