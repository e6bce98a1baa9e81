// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { newRecords, recordsOf } from '../support/evidence.ts';
import { Random } from '../support/random.ts';
import { ERR, OK, packet, type RawMysql, rawPerson } from '../support/raw-mysql.ts';
import { until, World } from '../support/world.ts';

const COM_QUERY = 0x03;
const COM_PING = 0x0e;
/** Commands that are never answered: COM_QUIT, COM_STMT_SEND_LONG_DATA, COM_STMT_CLOSE. */
const QUIT = 0x01;
const SILENT = new Set([0x18, 0x19]);
/** COM_CHANGE_USER: the gateway asks for the token again. */
const CHANGE_USER = 0x11;
/** COM_STATISTICS answers with text. */
const STATISTICS = 0x09;

/** What MariaDB may ever see of a principal, by the names of its general log. */
const LET_THROUGH = new Set([
  'Connect',
  'Query',
  'Init DB',
  'Quit',
  'Prepare',
  'Execute',
  'Fetch',
  'Close stmt',
  'Reset stmt',
  'Long Data',
  'Field List',
  'Statistics',
  'Ping',
  'Reset connection',
  'Set option',
]);

const ENDLESS = `SELECT REPEAT('x', 1000) FROM ${Array.from({ length: 14 }, (_, index) => `orders t${index}`).join(', ')}`;
const BUSY = "SELECT BENCHMARK(60000000, SHA2('x', 512))";

describe('commands out of measure', () => {
  let world: World;
  before(async () => {
    world = await World.start({
      generalLog: true,
      settings: 'limits: {requestBytes: 1MiB, bufferBytes: 2MiB}',
    });
  });
  after(() => world.stop());
  const person = (subject = 'ada') =>
    rawPerson(world.port('token'), world.serverCa.certPem, world.token(subject, ['analysts']));
  const audit = () => world.path('audit');

  async function works(raw: RawMysql): Promise<void> {
    raw.command(COM_QUERY, 'SELECT 42');
    equal((await raw.answer()).length, 5);
  }

  /** Statements that run on the server, besides the one that asks. */
  async function running(like: string): Promise<number> {
    const rows = await world.mariadb.rootQuery(
      `SELECT COUNT(*) AS n FROM information_schema.processlist
       WHERE info LIKE '${like}%' AND user <> 'root'`,
    );
    return Number(rows[0]?.n);
  }

  it('answers every command number, whatever comes with it, and forwards none it refuses', async () => {
    const random = new Random(20_270_101);
    let raw = await person('corpus');
    let ended = 0;
    for (let code = 0; code < 256; code += 1) {
      for (const length of [0, 4, 5, 11, 300]) {
        const body = Buffer.from(random.times(length, () => random.below(256)));
        raw.command(code, body);
        const alive = await settle(raw, code);
        if (alive) continue;
        ended += 1;
        raw = await person('corpus');
      }
    }
    raw.close();
    ok(ended < 40, `${ended} sessions ended`);
    await until(() => world.gateway?.sessions.length === 0, 5_000, 'sessions have ended');
    const log = await world.mariadb.readGeneralLog();
    const seen = new Set(log.map(({ command }) => command));
    deepEqual(
      [...seen].filter((command) => !LET_THROUGH.has(command)),
      [],
    );
    const ours = log.filter(({ userHost }) => /corpus/.test(userHost));
    ok(ours.length > 0);
    const statements = ours
      .filter(({ command }) => command === 'Query' || command === 'Prepare')
      .map(({ argument }) => argument)
      .filter((argument) => !argument.startsWith('/*postern*/'));
    // The empty statement is let through: the target itself says that it is empty.
    deepEqual(
      statements.filter((statement) => statement !== ''),
      [],
    );
  });

  /** Reads the answer; false when the session ended with it, cleanly. */
  async function settle(raw: RawMysql, code: number): Promise<boolean> {
    if (code === QUIT) {
      await raw.ended();
      return false;
    }
    if (!SILENT.has(code)) {
      const answer = await raw.read();
      const header = answer?.payload[0];
      if (code === CHANGE_USER && header === 0xfe) {
        raw.send(Buffer.from('not-a-token\0'), (answer?.sequence ?? 0) + 1);
        equal((await raw.read())?.payload[0], ERR);
        await raw.ended();
        return false;
      }
      const expected = header === ERR || header === OK || code === STATISTICS;
      ok(expected, `command ${code} was answered with ${answer?.payload.toString('hex')}`);
    }
    raw.command(COM_PING);
    const pong = await raw.read();
    if (pong?.payload[0] === OK) return true;
    equal(pong, undefined);
    return false;
  }

  it('refuses a request that is too large, and the session goes on', async () => {
    const before = recordsOf(audit(), 'intent').length;
    const raw = await person();
    raw.command(COM_QUERY, `SELECT '${'x'.repeat(1_200_000)}'`);
    const err = await raw.readErr();
    equal(err.errno, 1153);
    match(err.message, /a request may have 1048576 bytes \[limit-size\]/);
    await works(raw);
    // More than one packet of the protocol (16 MiB).
    const body = Buffer.alloc(0xffffff, 0x78);
    raw.write(packet(Buffer.concat([Buffer.of(COM_QUERY), body.subarray(1)])));
    raw.write(packet(Buffer.alloc(1_000, 0x78), 1));
    equal((await raw.readErr()).errno, 1153);
    await works(raw);
    raw.close();
    const intents = await newRecords(audit(), 'intent', before, 4);
    deepEqual(
      intents.map(({ reason }) => reason),
      ['limit-size', undefined, 'limit-size', undefined],
    );
  });

  it('ends the session that would take the last memory, and no other', async () => {
    const large = packet(Buffer.from(`\x03SELECT LENGTH('${'x'.repeat(1_000_000)}')`));
    const raws = [await person(), await person(), await person()] as const;
    const [first, second, third] = raws;
    first.write(large.subarray(0, 950_000));
    second.write(large.subarray(0, 950_000));
    await until(() => buffered(1_800_000), 3_000, 'two requests are held');
    third.write(large.subarray(0, 950_000));
    const err = await third.readErr();
    equal(err.errno, 1041);
    match(err.message, /limit-memory/);
    await third.ended();
    for (const raw of [first, second]) {
      raw.write(large.subarray(950_000));
      equal((await raw.answer()).length, 5);
      await works(raw);
      raw.close();
    }
    await until(() => buffered(0), 3_000, 'the budget is given back');
  });

  async function buffered(atLeast: number): Promise<boolean> {
    const response = await fetch(`http://${world.gateway?.probeAddress}/metrics`);
    const found = /^postern_request_buffer_bytes (\S+)$/m.exec(await response.text());
    const bytes = Number(found?.[1]);
    return atLeast === 0 ? bytes === 0 : bytes >= atLeast;
  }

  it('holds little for a peer that asks for much and reads nothing', async () => {
    const slow = await person('slow');
    slow.socket.pause();
    const before = process.memoryUsage().rss;
    slow.command(COM_QUERY, ENDLESS);
    await until(async () => (await running('SELECT REPEAT')) === 1, 3_000, 'it runs');
    const other = await person();
    for (let round = 0; round < 20; round += 1) {
      await works(other);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
    const grown = process.memoryUsage().rss - before;
    ok(grown < 64 << 20, `${grown >> 20} MiB more`);
    slow.close();
    await until(async () => (await running('SELECT REPEAT')) === 0, 3_000, 'it was killed');
    await works(other);
    other.close();
  });

  it('kills what runs for a peer that has gone, and gives back what it had', async () => {
    const before = recordsOf(audit(), 'outcome').length;
    for (const leave of ['destroy', 'half-close'] as const) {
      const raw = await person('leaver');
      raw.command(COM_QUERY, BUSY);
      await until(async () => (await running('SELECT BENCH')) === 1, 3_000, 'it runs');
      if (leave === 'destroy') raw.socket.destroy();
      else raw.socket.end();
      await until(async () => (await running('SELECT BENCH')) === 0, 2_000, 'it was killed');
      await until(() => world.gateway?.sessions.length === 0, 2_000, 'the session has ended');
    }
    for (const { outcome } of await newRecords(audit(), 'outcome', before, 2)) {
      equal(outcome, 'killed');
    }
  });
});
