// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, notEqual, ok, rejects } from 'node:assert/strict';
import { chmodSync, lstatSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { type ConnectionOptions, createConnection } from 'mysql2/promise';
import { readSettings } from '../../src/config/read.ts';
import { PosternError } from '../../src/model/errors.ts';
import { scrambleSha2 } from '../../src/wire/mysql/auth/caching-sha2.ts';
import { scrambleNative } from '../../src/wire/mysql/auth/native-password.ts';
import { decodeAuthSwitch } from '../../src/wire/mysql/auth-switch.ts';
import {
  CLIENT_PLUGIN_AUTH,
  CLIENT_PROTOCOL_41,
  CLIENT_SECURE_CONNECTION,
} from '../../src/wire/mysql/capabilities.ts';
import { decodeErr } from '../../src/wire/mysql/err.ts';
import { decodeHandshake } from '../../src/wire/mysql/handshake.ts';
import { encodeHandshakeResponse } from '../../src/wire/mysql/handshake-response.ts';
import { auditRecords, newRecords, recordsOf } from '../support/evidence.ts';
import { RawMysql, sslRequest } from '../support/raw-mysql.ts';
import { runTicket, TICKET_LISTENERS, type Ticket, ticketFor } from '../support/ticket.ts';
import { until, World } from '../support/world.ts';

const ELSEWHERE = `---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: tickets-only, namespace: data}
spec:
  subjects: [{group: {provider: people, id: ticketed}}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-writer
  when: [{key: identity.method, values: [ticket]}]
`;

describe('tickets', () => {
  let world: World;
  let audit: string;
  before(async () => {
    world = await World.start({ listeners: TICKET_LISTENERS, extraPolicy: ELSEWHERE });
    audit = world.path('audit');
  });
  after(() => world?.stop());

  const token = (name = 'ada', groups: readonly string[] = ['analysts']) =>
    world.token(name, groups);
  const overTls = (ticket: Pick<Ticket, 'user' | 'password'>, more: ConnectionOptions = {}) =>
    createConnection({
      ...{ host: 'localhost', port: world.port('token'), database: 'shop' },
      ...{ user: ticket.user, password: ticket.password },
      ssl: { ca: world.serverCa.certPem },
      ...more,
    });
  const plain = (ticket: Pick<Ticket, 'user' | 'password'>) =>
    createConnection({
      ...{ host: '127.0.0.1', port: world.port('plain'), database: 'shop' },
      ...{ user: ticket.user, password: ticket.password },
    });
  /** Reason of the newest refusal, which the peer does not hear. */
  const refusal = async (attempt: () => Promise<unknown>) => {
    const known = recordsOf(audit, 'login-denied').length;
    await rejects(attempt, /Postern: Access denied: .*\. Decision/);
    const [record] = await newRecords(audit, 'login-denied', known);
    return record?.reason;
  };

  it('says what it gives, to people and to programs', async () => {
    const said = await runTicket(world, token(), ['--to', 'data/orders', '--ttl', '5m']);
    equal(said.code, 0, said.err);
    match(said.out, /^For data\/orders as user\/people\/ada: any number of logins until 20/);
    const [, user = ''] = /user {6}(tkt-[a-z2-7]{16})\n/.exec(said.out) ?? [];
    match(said.out, new RegExp(`Revoke it: postern ticket revoke ${user}`));
    const json = await ticketFor(world, token(), ['--uses', '2']);
    deepEqual(
      { ...json, user: '', password: '', expiresAt: 0 },
      {
        ...{ user: '', password: '', expiresAt: 0, uses: 2 },
        ...{ target: 'data/orders', principal: 'user/people/ada' },
      },
    );
    ok(Math.abs(json.expiresAt - Date.now() - 600_000) < 60_000);
  });

  it('opens its target over TLS, loopback and a Unix socket, any number of times', async () => {
    const ticket = await ticketFor(world, token());
    const socketPath = world.path('tickets/orders.sock');
    const { user, password } = ticket;
    for (const open of [
      () => overTls(ticket),
      () => plain(ticket),
      () => createConnection({ socketPath, user, password, database: 'shop' }),
      () => plain(ticket),
    ]) {
      const connection = await open();
      const [rows] = await connection.query('SELECT name FROM products ORDER BY id');
      deepEqual(rows, [{ name: 'kettle' }, { name: 'teapot' }]);
      await rejects(connection.query('SELECT * FROM secrets'), /not-permitted|no-grant|denied/);
      await connection.end();
    }
    const opened = recordsOf(audit, 'session-opened').filter((one) => one.ticket === user);
    equal(opened.length, 4);
    deepEqual(
      opened.map((one) => [one.principal, one.method, one.verifiedBy]),
      Array(4).fill(['user/people/ada', 'ticket', 'people']),
    );
    equal(opened[2]?.source, 'unix');
  });

  it('is given only for what the caller may log in to, as a ticket', async () => {
    const stranger = await runTicket(world, token('eve', ['nobodies']), ['--to', 'orders']);
    deepEqual([stranger.code, stranger.out], [1, '']);
    match(stranger.err, /decision/);
    const unknown = await runTicket(world, token(), ['--to', 'postern']);
    deepEqual([unknown.code, unknown.out], [1, '']);
    // Only the method ticket may log in, so a token of the same person may not.
    const ticket = await ticketFor(world, token('tom', ['ticketed']));
    const connection = await plain(ticket);
    await connection.end();
    await rejects(
      overTls({ user: 'tom', password: token('tom', ['ticketed']) }, {
        enableCleartextPlugin: true,
      } as ConnectionOptions),
      /condition-not-met|no-grant/,
    );
    const anonymous = await runTicket(world, 'not.a.token', ['--to', 'orders']);
    deepEqual([anonymous.code, anonymous.out], [1, '']);
  });

  it('refuses a wrong secret, an unknown id, another target, an ended ticket', async () => {
    const ticket = await ticketFor(world, token());
    equal(await refusal(() => plain({ ...ticket, password: 'wrong' })), 'ticket-secret');
    equal(await refusal(() => plain({ ...ticket, password: '' })), 'ticket-secret');
    const user = 'tkt-aaaaaaaaaaaaaaaa';
    equal(await refusal(() => plain({ ...ticket, user })), 'ticket-unknown');
    equal(await refusal(() => overTls({ ...ticket, user })), 'ticket-unknown');
    const short = await ticketFor(world, token(), ['--ttl', '1s']);
    await until(() => Date.now() > short.expiresAt, 5_000, 'it has ended');
    equal(await refusal(() => plain(short)), 'ticket-ended');
    const ending = world.token('ada', ['analysts'], { exp: Math.floor(Date.now() / 1000) + 30 });
    const capped = await ticketFor(world, ending);
    ok(capped.expiresAt <= Date.now() + 30_000, 'a ticket does not outlive its proof');
  });

  it('lets nobody in more often than it says, however many come at once', async () => {
    const ticket = await ticketFor(world, token(), ['--uses', '3']);
    const attempts = await Promise.allSettled(Array.from({ length: 12 }, () => plain(ticket)));
    const opened = attempts.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    equal(opened.length, 3);
    equal(await refusal(() => overTls(ticket)), 'ticket-ended');
    await Promise.all(opened.map((connection) => connection.end()));
  });

  it('is listed and revoked by its owner, and takes its sessions along', async () => {
    const mine = await ticketFor(world, token());
    const connection = await plain(mine);
    const listed = await runTicket(world, token(), ['list', '--json']);
    const found = (JSON.parse(listed.out) as { id: string; logins: number; state: string }[]).find(
      ({ id }) => id === mine.user,
    );
    deepEqual([found?.logins, found?.state], [1, 'live']);
    ok(!listed.out.includes(mine.password));

    const foreign = await runTicket(world, token('eve', ['analysts']), ['revoke', mine.user]);
    deepEqual([foreign.code, foreign.out], [1, '']);
    const others = await runTicket(world, token('eve', ['analysts']), ['list', '--json']);
    ok(!others.out.includes(mine.user));
    equal((await runTicket(world, token(), ['list', '--all'])).code, 1);
    const all = await runTicket(world, token('olga', ['operators']), ['list', '--all']);
    match(all.out, new RegExp(mine.user));

    const revoked = await runTicket(world, token(), ['revoke', mine.user]);
    deepEqual([revoked.code, revoked.err], [0, '']);
    match(revoked.out, /1 of its sessions ended/);
    await rejects(connection.query('SELECT 1'), /revoked|closed/i);
    equal(await refusal(() => plain(mine)), 'ticket-ended');
    const again = await runTicket(world, token(), ['revoke', mine.user]);
    deepEqual([again.code, again.out], [1, '']);
    const actions = recordsOf(audit, 'administration').map(({ action }) => action);
    ok(actions.includes(`tickets.issue ${mine.user} for data/orders`));
    ok(actions.includes(`tickets.revoke ${mine.user}`));
  });

  it('proves again who holds the connection when a pool changes the user', async () => {
    const ticket = await ticketFor(world, token(), ['--uses', '1']);
    const other = await ticketFor(world, token('eve'));
    const connection = await plain(ticket);
    await connection.query('SET @mine = 1');
    const { user, password } = ticket;
    await connection.changeUser({ user, password, database: 'shop' });
    const [rows] = await connection.query('SELECT @mine AS mine');
    deepEqual(rows, [{ mine: null }]);
    await rejects(connection.changeUser({ user: other.user, password: other.password }));
    await rejects(connection.query('SELECT 1'));
  });

  it('keeps secrets out of audit, log and lists', async () => {
    const ticket = await ticketFor(world, token());
    await (await plain(ticket)).end();
    ok(!JSON.stringify(auditRecords(audit)).includes(ticket.password));
  });

  describe('at the wire', () => {
    const capabilities = CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION | CLIENT_PLUGIN_AUTH;
    const login = (user: string, authPlugin: string, authResponse: Buffer, ids = capabilities) =>
      encodeHandshakeResponse({
        ...{ capabilities: ids, maxPacketBytes: 1 << 24, charset: 45 },
        ...{ user, authResponse, authPlugin, attributes: {} },
      });
    const greeted = async () => {
      const raw = await RawMysql.open(world.port('plain'));
      const greeting = decodeHandshake((await raw.read())?.payload ?? Buffer.alloc(0));
      return { raw, challenge: greeting.authData };
    };
    const verdict = async (raw: RawMysql) => {
      const found = await raw.read();
      raw.close();
      return found?.payload[0] === 0 ? 'ok' : decodeErr(found?.payload ?? Buffer.alloc(0)).errno;
    };

    it('takes an answer to the greeting, also from a driver that knows no plugins', async () => {
      const { user, password } = await ticketFor(world, token());
      for (const ids of [capabilities, CLIENT_PROTOCOL_41 | CLIENT_SECURE_CONNECTION]) {
        const { raw, challenge } = await greeted();
        const answer = scrambleNative(password, challenge);
        raw.send(login(user, 'mysql_native_password', answer, ids), 1);
        equal(await verdict(raw), 'ok');
      }
    });

    it('switches to caching_sha2_password for a driver that has nothing else', async () => {
      const { user, password } = await ticketFor(world, token());
      for (const right of [true, false]) {
        const { raw, challenge } = await greeted();
        raw.send(login(user, 'caching_sha2_password', Buffer.alloc(0)), 1);
        const asked = decodeAuthSwitch((await raw.read())?.payload ?? Buffer.alloc(0));
        equal(asked.plugin, 'caching_sha2_password');
        notEqual(asked.data.toString('hex'), challenge.toString('hex'), 'a challenge of its own');
        raw.send(scrambleSha2(right ? password : 'wrong', asked.data), 3);
        if (right) deepEqual((await raw.read())?.payload, Buffer.from([1, 3]));
        equal(await verdict(raw), right ? 'ok' : 1045);
      }
    });

    it('does not take an answer twice', async () => {
      const { user, password } = await ticketFor(world, token());
      const first = await greeted();
      const answer = login(
        user,
        'mysql_native_password',
        scrambleNative(password, first.challenge),
      );
      first.raw.send(answer, 1);
      equal(await verdict(first.raw), 'ok');
      const second = await greeted();
      second.raw.send(answer, 1);
      equal(await verdict(second.raw), 1045);
    });

    it('answers an unknown id as a wrong secret, packet by packet', async () => {
      const { user } = await ticketFor(world, token());
      for (const plugin of ['mysql_native_password', 'caching_sha2_password', 'dialog']) {
        const conversations = [];
        for (const id of [user, 'tkt-zzzzzzzzzzzzzzzz']) {
          const { raw } = await greeted();
          raw.send(login(id, plugin, Buffer.alloc(plugin.length === 21 ? 20 : 32, 7)), 1);
          const seen: string[] = [];
          let next = await raw.read();
          if (next?.payload[0] === 0xfe) {
            seen.push(decodeAuthSwitch(next.payload).plugin);
            raw.send(Buffer.alloc(20, 7), next.sequence + 1);
            next = await raw.read();
          }
          const { errno, sqlState, message } = decodeErr(next?.payload ?? Buffer.alloc(0));
          seen.push(`${errno} ${sqlState} ${message.replace(/d[a-z0-9]+-[a-z0-9]+/g, 'ID')}`);
          conversations.push(seen);
          raw.close();
        }
        deepEqual(conversations[0], conversations[1]);
      }
    });

    it('takes no ticket on a TLS listener without TLS, and no token on a plain one', async () => {
      const { user, password } = await ticketFor(world, token(), ['--uses', '1']);
      const raw = await RawMysql.open(world.port('token'));
      const greeting = decodeHandshake((await raw.read())?.payload ?? Buffer.alloc(0));
      const answer = scrambleNative(password, greeting.authData);
      raw.send(login(user, 'mysql_native_password', answer), 1);
      equal(await verdict(raw), 1045);
      await (await plain({ user, password })).end();

      const { raw: other } = await greeted();
      other.send(login('me', 'mysql_clear_password', Buffer.alloc(0)), 1);
      equal(await verdict(other), 1045, 'no request for a token comes before the refusal');
      const { raw: third } = await greeted();
      third.send(sslRequest(), 1);
      equal(await verdict(third), 1043);
    });
  });

  describe('places to listen', () => {
    it('makes a Unix socket that is for its owner only', () => {
      const path = world.path('tickets/orders.sock');
      equal(lstatSync(path).mode & 0o777, 0o600);
      equal(statSync(world.path('tickets')).mode & 0o777, 0o700);
    });

    const started = async (address: string) => {
      const other = world.path('other.yaml');
      writeFileSync(
        other,
        `policy: ./policy
listeners: [{name: x, address: '${address}', protocol: mysql, accept: Plain, target: data/orders}]
audit: {directory: ./other-audit, signingKey: ./other-key.pem}
administration: {socket: ./other.sock}
`,
      );
      const { Gateway } = await import('../../src/app/gateway.ts');
      const { systemClock } = await import('../../src/model/clock.ts');
      const { silentLog } = await import('../../src/model/log.ts');
      const { settings } = readSettings(other);
      return Gateway.start({ settings, clock: systemClock, log: silentLog });
    };
    const problem = (pattern: RegExp) => (thrown: unknown) => {
      ok(thrown instanceof PosternError);
      match(thrown.message, pattern);
      return true;
    };

    it('is refused without TLS where others could listen', async () => {
      for (const address of ['0.0.0.0:0', '10.1.2.3:3306', '[::]:0', 'localhost:0']) {
        await rejects(started(address), problem(/accept: Plain has no TLS/));
      }
    });

    it('is refused in a folder that others may enter, or in place of something else', async () => {
      mkdirSync(world.path('open'), { mode: 0o755 });
      chmodSync(world.path('open'), 0o755);
      await rejects(started('unix:open/x.sock'), problem(/closed to others \(chmod 700\), is 755/));
      writeFileSync(world.path('tickets/file'), '');
      await rejects(started('unix:tickets/file'), problem(/no socket/));
      const taken = 'unix:tickets/orders.sock';
      await rejects(started(taken), problem(/another process is listening/));
      await rejects(started(`unix:tickets/${'x'.repeat(120)}`), problem(/at most 107 bytes/));
    });

    it('takes the place of a socket that a dead process left', async () => {
      const path = world.path('tickets/stale.sock');
      const { spawnSync } = await import('node:child_process');
      const left = spawnSync(process.execPath, [
        '-e',
        `require('net').createServer().listen(${JSON.stringify(path)}, () => process.kill(process.pid, 'SIGKILL'))`,
      ]);
      equal(left.signal, 'SIGKILL');
      ok(lstatSync(path).isSocket());
      const gateway = await started('unix:tickets/stale.sock');
      const socket = connect(path);
      await new Promise((resolve) => socket.once('data', resolve));
      socket.destroy();
      await gateway.stop(0);
    });
  });
});
