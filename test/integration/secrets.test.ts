// SPDX-License-Identifier: Apache-2.0
import { equal, ok, rejects } from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import type { RowDataPacket } from 'mysql2/promise';
import { createConnection } from 'mysql2/promise';
import { sidecar, withToken } from '../support/drivers.ts';
import { filesBelow } from '../support/evidence.ts';
import { GatewayProcess } from '../support/gateway-process.ts';
import { RawMysql } from '../support/raw-mysql.ts';
import { until, World } from '../support/world.ts';

const TYPED = 'typed-by-hand-7Q2x';

describe('secrets stay where they belong', () => {
  let world: World;
  let gateway: GatewayProcess;
  const secrets = new Map<string, string>();
  const heard: string[] = [];
  const commandLines = new Set<string>();

  before(async () => {
    world = await World.start({
      gateway: false,
      generalLog: true,
      settings: 'log: {level: debug}',
    });
    const text = world.policyText();
    world.writePolicy(text.replace('  mariadb:', '  audit: {statements: Text}\n  mariadb:'));
    gateway = await GatewayProcess.start(world.path('postern.yaml'));
  });
  after(async () => {
    await gateway?.kill();
    await world.stop();
  });

  /** Command lines and environments of the gateway and everything it started. */
  function look(): void {
    for (const pid of readdirSync('/proc').filter((name) => /^\d+$/.test(name))) {
      try {
        const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
        const parent = stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1];
        if (![pid, parent].includes(String(gateway.child.pid))) continue;
        commandLines.add(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
        commandLines.add(readFileSync(`/proc/${pid}/environ`, 'latin1'));
      } catch (thrown) {
        // A process may end while it is looked at.
        ok(['ENOENT', 'ESRCH'].includes((thrown as NodeJS.ErrnoException).code ?? ''));
      }
    }
  }

  const keyOf = (pem: string) => pem.split('\n').slice(1, -2).join('').slice(10, 60);

  it('a whole session, with denials and faults, is had', async () => {
    secrets.set('broker password', readFileSync(world.path('broker-password'), 'utf8').trim());
    for (const name of ['upstream-key', 'server-key', 'mesh-key', 'audit-signing-key']) {
      secrets.set(name, keyOf(readFileSync(world.path(`${name}.pem`), 'utf8')));
    }
    // What came over the wire; the driver's own object also has the statement.
    const hear = (error: { message: string; sqlMessage?: string }) =>
      heard.push(error.sqlMessage ?? error.message);
    const port = gateway.port('token');

    const good = world.token('ada', ['analysts']);
    secrets.set('token', good);
    const connection = await withToken(world, good, { port });
    look();
    await connection.query<RowDataPacket[]>('SELECT id FROM orders');
    await connection
      .changeUser({ user: 'me', password: good, database: 'shop' } as never)
      .catch(hear);
    for (const sql of [
      `CREATE USER eve IDENTIFIED BY '${TYPED}'`,
      `SET PASSWORD = PASSWORD('${TYPED}')`,
      `ALTER USER CURRENT_USER() IDENTIFIED BY '${TYPED}'`,
      `GRANT SELECT ON shop.* TO eve IDENTIFIED BY '${TYPED}'`,
    ]) {
      await rejects(connection.query(sql), (error: Error) => {
        hear(error);
        return true;
      });
    }
    connection.destroy();

    for (const [name, token] of [
      ['expired token', world.token('ada', ['analysts'], { exp: 1_000_000_000 })],
      ['token of another audience', world.token('ada', [], { aud: 'other' })],
      ['token without a grant', world.token('ada', [])],
    ] as const) {
      secrets.set(name, token);
      await rejects(withToken(world, token, { port }), (error: Error) => {
        hear(error);
        return true;
      });
    }
    const leaked = 'a-password-that-is-no-token-93kd';
    secrets.set('password instead of a token', leaked);
    await withToken(world, leaked, { port }).catch(hear);

    const identity = await world.workload('payments', 'checkout');
    secrets.set("a workload's key", keyOf(identity.keyPem));
    const meshPort = gateway.port('mesh');
    const at = { port: () => meshPort, meshCa: world.meshCa } as unknown as World;
    const stream = await sidecar(at, identity);
    const workload = await createConnection({
      stream,
      user: 'x',
      password: TYPED,
      database: 'shop',
    });
    await workload.query('SELECT 1');
    await workload.end();

    const raw = await RawMysql.open(port);
    raw.write(Buffer.from(`GET /?token=${good} HTTP/1.1\r\n\r\n`));
    await raw.ended();
    heard.push(String((await raw.read())?.payload.toString('latin1')));

    // The target's own log does not outlive a kill -9.
    const hashes = await leaseHashes();
    ok(hashes.length > 0);
    for (const [index, hash] of hashes.entries()) secrets.set(`hash ${index}`, hash);

    // A target that is gone for a moment makes the loudest log.
    await world.mariadb.kill9();
    await withToken(world, good, { port }).catch(hear);
    await world.mariadb.restart();
    await until(
      () =>
        withToken(world, good, { port }).then(
          (again) => again.end().then(() => true),
          () => false,
        ),
      15_000,
      'the target is back',
    );
    look();
    secrets.set('a password that was typed', TYPED);
    const { code } = await gateway.kill('SIGTERM');
    equal(code, 0);
  });

  it('and no secret is in what it wrote, printed, said or started', async () => {
    const places = new Map<string, string>([
      ...filesBelow(world.path('audit')),
      ['output', gateway.output],
      ['errors', heard.join('\n')],
      ['command lines', [...commandLines].join('\n')],
    ]);
    ok(
      gateway.output.length > 1_000 && commandLines.size >= 4 && heard.length >= 8,
      `${heard.length}`,
    );
    for (const [place, text] of places) {
      for (const [what, secret] of secrets) {
        ok(secret.length > 10, `${what} is empty`);
        ok(!text.includes(secret), `${place} has: ${what}`);
        const signature = secret.startsWith('eyJ') ? (secret.split('.')[2] ?? '') : '';
        if (signature !== '') ok(!text.includes(signature), `${place} has the end of: ${what}`);
      }
      ok(!text.includes('PRIVATE KEY'), `${place} has a private key`);
      ok(!/\*[0-9A-F]{40}/.test(text), `${place} has a password hash`);
    }
  });

  /** What the target was given for leases and the broker; passwords themselves it never saw. */
  async function leaseHashes(): Promise<string[]> {
    const log = await world.mariadb.readGeneralLog();
    const text = log.map(({ argument }) => argument).join('\n');
    return [...new Set(text.match(/\*[0-9A-F]{40}/g) ?? [])];
  }
});
