// SPDX-License-Identifier: Apache-2.0
import { equal, match, ok, rejects } from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { connect as connectTcp } from 'node:net';
import { networkInterfaces } from 'node:os';
import { after, before, describe, it } from 'node:test';
import mariadb from 'mariadb';
import { type Connection, createConnection, type RowDataPacket } from 'mysql2/promise';
import { CliProcess, type CliResult, runCliProcess } from '../support/cli-process.ts';
import { freePort } from '../support/free-port.ts';
import { World } from '../support/world.ts';

const LISTENING = /at 127\.0\.0\.1:(\d+) until Ctrl-C/;

describe('postern connect', () => {
  let world: World;
  let tunnel: CliProcess | undefined;
  before(async () => {
    world = await World.start();
    world.write('ada', world.token('ada', ['analysts']));
  });
  after(async () => {
    tunnel?.child.kill('SIGKILL');
    await world.stop();
  });

  const gateway = () => ['--gateway', `localhost:${world.port('token')}`, '--ca', 'server-ca.pem'];
  const words = (...more: string[]) => ['connect', 'orders', ...gateway(), ...more];
  /** The directory of the world is where its declaration is. */
  const run = (more: readonly string[], input?: string): Promise<CliResult> =>
    runCliProcess(words('--token-file', 'ada', ...more), {
      cwd: world.directory,
      ...(input !== undefined && { input }),
    });
  async function open(...more: string[]): Promise<number> {
    tunnel = new CliProcess(words('--token-file', 'ada', ...more), { cwd: world.directory });
    return Number((await tunnel.printed(LISTENING))[1]);
  }
  async function close(): Promise<CliResult | undefined> {
    tunnel?.child.kill('SIGINT');
    const result = await tunnel?.result();
    tunnel = undefined;
    return result;
  }
  const local = (port: number): Promise<Connection> =>
    createConnection({ host: '127.0.0.1', port, user: 'anybody', database: 'shop' });
  const whoIs = async (port: number): Promise<string> => {
    const connection = await local(port);
    const [rows] = await connection.query<RowDataPacket[]>('SELECT USER() AS who');
    await connection.end();
    return String(rows[0]?.['who']);
  };

  it('runs the stock client, and passes its output and exit code on', async () => {
    const sql = 'SELECT COUNT(*) FROM orders';
    const good = await run(['--', 'mariadb', '--skip-ssl', '-N', 'shop', '-e', sql]);
    equal(good.code, 0, good.err);
    equal(good.out, '3\n');
    const typed = await run(['--', 'mariadb', '-N', 'shop'], 'SELECT 40 + 2;\n');
    equal(typed.out, '42\n', typed.err);
    const denied = await run(['--', 'mariadb', 'shop', '-e', 'SELECT * FROM secrets']);
    equal(denied.code, 1);
    match(denied.err, /ERROR 1142 .*Postern: no Grant gives user\/people\/ada select on shop\.se/);
    equal((await run(['--', 'sh', '-c', 'test $POSTERN_HOST:$POSTERN_PORT && exit 7'])).code, 7);
    equal((await run(['--', 'sh', '-c', 'kill -TERM $$'])).code, 128 + 15);
  });

  it('says so when the program is not there, and ends', async () => {
    const { code, err } = await run(['--', 'no-such-program']);
    equal(code, 3);
    match(err, /no-such-program is needed and was not found\. Is it installed and on PATH\?/);
  });

  it('keeps one port for many connections, also at once, of different drivers', async () => {
    const port = await open();
    const whose = await Promise.all(Array.from({ length: 8 }, () => whoIs(port)));
    ok(whose.every((who) => who.includes('user/people/ada')));
    const connection = await mariadb.createConnection({
      host: '127.0.0.1',
      port,
      user: 'x',
      database: 'shop',
    });
    equal((await connection.query('SELECT id FROM orders')).length, 3);
    const prepared = await connection.execute('SELECT note FROM orders WHERE id = ?', [2]);
    equal(prepared[0].note, 'second');
    await connection.end();
    const closed = await close();
    equal(closed?.code, 0);
    await rejects(local(port), /ECONNREFUSED/);
  });

  it('carries a client that negotiates session tracking, and one that does not', async () => {
    const port = await open();
    for (const flags of [['SESSION_TRACK'], ['-SESSION_TRACK', '-DEPRECATE_EOF']]) {
      const connection = await createConnection({ host: '127.0.0.1', port, user: 'x', flags });
      await connection.query('USE shop');
      const [rows] = await connection.query<RowDataPacket[]>('SELECT DATABASE() AS d');
      equal(rows[0]?.['d'], 'shop');
      await connection.query('SET NAMES utf8mb4');
      const [orders] = await connection.execute<RowDataPacket[]>('SELECT id FROM orders');
      equal(orders.length, 3);
      await connection.end();
    }
    await close();
  });

  it('takes a token that was renewed for the next connection', async () => {
    const port = await open();
    match(await whoIs(port), /user\/people\/ada:/);
    world.write('ada', world.token('ben', ['analysts']));
    match(await whoIs(port), /user\/people\/ben:/);
    const hour = 3_600;
    const past = Math.floor(Date.now() / 1_000) - 2 * hour;
    world.write('ada', world.token('ada', ['analysts'], { iat: past, exp: past + hour }));
    await rejects(
      local(port),
      /The gateway refused: Access denied: the token has expired \[token-expired\] \(decision \S+\)/,
    );
    world.write('ada', world.token('ada', ['analysts']));
    match(await whoIs(port), /user\/people\/ada:/);
    await close();
  });

  it('listens on loopback only, at the localPort of the declaration or at --port', async () => {
    const [declared, chosen] = [await freePort(), await freePort()];
    const text = world.policyText();
    world.writePolicy(text.replace('expose: {service', `expose: {localPort: ${declared}, service`));
    equal(await open(), declared);
    for (const { address } of Object.values(networkInterfaces()).flatMap((one) => one ?? [])) {
      if (address !== '127.0.0.1') equal(await answers(address, declared), false, address);
    }
    const second = await runCliProcess(words('--token-file', 'ada'), { cwd: world.directory });
    equal(second.code, 3);
    match(second.err, new RegExp(`Cannot listen on 127\\.0\\.0\\.1:${declared}: .*EADDRINUSE`));
    await close();
    equal(await open('--port', String(chosen)), chosen);
    await close();
    world.writePolicy('nonsense');
    const port = await open();
    ok(port !== declared);
    match(tunnel?.err ?? '', /The declaration here has faults/);
    await close();
    world.writePolicy(text);
  });

  it('keeps where a Target is for the next time, when asked to and when it works', async () => {
    const short = (...more: string[]) =>
      runCliProcess(['connect', 'orders', '--token-file', 'ada', ...more], {
        cwd: world.directory,
      });
    const nowhere = ['--gateway', `127.0.0.1:${await freePort()}`, '--ca', 'server-ca.pem'];
    equal((await short(...nowhere, '--save', '--', 'true')).code, 3);
    match((await short('--', 'true')).err, /--gateway, or set POSTERN_GATEWAY; --save keeps it/);
    const saved = await run(['--save', '--', 'true']);
    equal(saved.code, 0, saved.err);
    match(saved.err, /^Kept for orders in .*\.config\/postern\/connect\.yaml\.$/m);
    const sql = 'SELECT COUNT(*) FROM orders';
    const again = await short('--', 'mariadb', '--skip-ssl', '-N', 'shop', '-e', sql);
    equal(again.out, '3\n', again.err);
    const port = await freePort();
    tunnel = new CliProcess([...words('--token-file', 'ada', '--port', String(port), '--save')], {
      cwd: world.directory,
    });
    await tunnel.printed(LISTENING);
    await close();
    tunnel = new CliProcess(['connect', 'orders', '--token-file', 'ada'], { cwd: world.directory });
    equal(Number((await tunnel.printed(LISTENING))[1]), port);
    equal((await short('--', 'true')).code, 0, 'a command takes a port of its own');
    await close();
    rmSync(world.path('.config'), { recursive: true });
  });

  it('tells where it listens as JSON', async () => {
    tunnel = new CliProcess(words('--token-file', 'ada', '--json'), { cwd: world.directory });
    const [line] = await tunnel.printed(/^\{.*\}$/m);
    const { host, port } = JSON.parse(line);
    equal(host, '127.0.0.1');
    match(await whoIs(port), /ada/);
    await close();
  });

  it('says what is wrong: the token, the right, the certificate, the address', async () => {
    const told = async (more: readonly string[], token: string) => {
      const env = { POSTERN_TOKEN: token };
      const all = ['connect', 'orders', ...more, '--', 'true'];
      const result = await runCliProcess(all, { cwd: world.directory, env });
      ok(!`${result.out}${result.err}`.includes(token), 'the token is not printed');
      return `${result.code} ${result.err}`;
    };
    match(
      await told(gateway(), 'garbage'),
      /^1 postern: The gateway refused: Access denied: .* \(decision \S+\)\.\npostern whoami tells/,
    );
    match(
      await told(gateway(), world.token('eve', [])),
      /^1 .*no Grant gives user\/people\/eve anything on data\/orders \[no-grant\] \(decision/,
    );
    const token = world.token('ada', ['analysts']);
    const wrongRoot = [...gateway().slice(0, 2), '--ca', 'mesh-ca.pem'];
    match(await told(wrongRoot, token), /^3 postern: TLS with localhost:\d+ failed: .*\n--ca must/);
    const wrongName = [...gateway(), '--server-name', 'other.example'];
    match(await told(wrongName, token), /^3 .*altnames.*\n--ca must hold/);
    const nowhere = ['--gateway', `127.0.0.1:${await freePort()}`, '--ca', 'server-ca.pem'];
    match(await told(nowhere, token), /^3 postern: Cannot reach the gateway at 127\.0\.0\.1:\d+: /);
    match(await told(['--ca', 'server-ca.pem'], token), /^2 .*--gateway, or set POSTERN_GATEWAY/);
  });

  it('tells a client when the gateway has gone', async () => {
    const port = await open();
    const before = await local(port);
    before.on('error', () => undefined);
    await world.gateway?.stop(0);
    await rejects(before.query('SELECT 1'));
    await rejects(local(port), /Cannot reach the gateway at localhost:\d+: /);
    equal((await close())?.code, 0);
  });
});

/** Whether something accepts connections there. */
function answers(host: string, port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connectTcp({ host, port });
    socket.setTimeout(1_000, () => socket.destroy());
    socket.once('connect', () => socket.destroy());
    socket.once('connect', () => resolve(true));
    socket.once('error', () => resolve(false));
    socket.once('close', () => resolve(false));
  });
}
