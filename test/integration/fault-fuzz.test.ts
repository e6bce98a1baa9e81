// SPDX-License-Identifier: Apache-2.0
import { equal, ok } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { fuzzOptions } from '../fuzz/fuzz.ts';
import { mutate } from '../fuzz/mutate.ts';
import { recordsOf } from '../support/evidence.ts';
import { Random } from '../support/random.ts';
import { loginToToken, OK, packet, type RawMysql } from '../support/raw-mysql.ts';
import { until, World } from '../support/world.ts';

const { seed, durationMs } = fuzzOptions(process.env);

/** A session's commands as they are when all is well. */
const COMMANDS = [
  packet(Buffer.from('\x03SELECT id, note FROM orders WHERE id = 1')),
  packet(Buffer.from('\x03SELECT * FROM secrets')),
  packet(Buffer.from('\x03DELETE FROM orders')),
  packet(Buffer.from('\x02shop')),
  packet(Buffer.from('\x16SELECT note FROM orders WHERE id = ?')),
  packet(Buffer.from('\x16SELECT secret FROM secrets WHERE id = ?')),
  packet(Buffer.from('1701000000000100000000010300000001', 'hex')),
  packet(Buffer.from('17ffffffff00010000000001030000000100', 'hex')),
  packet(Buffer.from('180100000000006162', 'hex')),
  packet(Buffer.from('1a01000000', 'hex')),
  packet(Buffer.from('1c0100000001000000', 'hex')),
  packet(Buffer.from('1901000000', 'hex')),
  packet(Buffer.from('1b0100', 'hex')),
  packet(Buffer.from('1f', 'hex')),
  packet(Buffer.from('0e', 'hex')),
  packet(Buffer.from('09', 'hex')),
  packet(Buffer.from('0c01000000', 'hex')),
  packet(Buffer.from('\x04orders\0')),
  packet(Buffer.from('\x11me\0\0shop\0\x2d\0mysql_clear_password\0', 'latin1')),
];

describe('fuzzing a live gateway', () => {
  let world: World;
  before(async () => {
    const settings = 'limits: {handshakeTimeout: 2s, requestBytes: 64KiB}';
    world = await World.start({ generalLog: true, settings, gateway: false });
    const text = world.policyText();
    world.writePolicy(text.replace('  mariadb:', '  audit: {statements: Text}\n  mariadb:'));
    await world.startGateway();
  });
  after(() => world.stop());

  async function speak(raw: RawMysql, bytes: Buffer, random: Random): Promise<void> {
    for (let at = 0; at < bytes.length; ) {
      const end = at + 1 + random.below(bytes.length);
      raw.write(bytes.subarray(at, end));
      at = end;
      if (random.chance(0.3)) await new Promise((resolve) => setImmediate(resolve));
    }
  }

  it('keeps its word whatever is said after and during the login', async (context) => {
    const random = new Random(seed);
    const end = Date.now() + Math.max(2_000, 2 * durationMs);
    let sessions = 0;
    const good = world.token('ada', ['analysts']);
    for (; Date.now() < end || sessions < 30; sessions += 1) {
      const raw = await loginToToken(world.port('token'), world.serverCa.certPem);
      const token = packet(Buffer.from(`${good}\0`), 4);
      if (random.chance(0.2)) await speak(raw, mutate(random, [token, ...COMMANDS]), random);
      else {
        raw.write(token);
        const verdict = (await raw.read())?.payload;
        equal(verdict?.[0], OK, verdict?.toString());
        const count = 1 + random.below(8);
        for (let number = 0; number < count; number += 1) {
          const next = random.chance(0.4) ? random.pick(COMMANDS) : mutate(random, COMMANDS);
          await speak(raw, next, random);
          if (random.chance(0.5)) await new Promise((resolve) => setTimeout(resolve, 2));
        }
      }
      raw.close();
    }
    context.diagnostic(`${sessions} sessions, seed ${seed}`);
    await until(() => world.gateway?.sessions.length === 0, 10_000, 'all sessions have ended');
    await judge();
  });

  /** What the target was told by principals is exactly what was allowed, and everybody had a name. */
  async function judge(): Promise<void> {
    const audit = world.path('audit');
    for (const opened of recordsOf(audit, 'session-opened')) {
      equal(opened.principal, 'user/people/ada');
    }
    const allowed = new Set(
      recordsOf(audit, 'intent')
        .filter(({ decision }) => decision !== 'deny')
        .map(({ statement = '', statementEncoding }) =>
          withoutEdges(
            statementEncoding === 'latin1' ? statement : Buffer.from(statement).toString('latin1'),
          ),
        ),
    );
    const log = await world.mariadb.readGeneralLog();
    const mine = log.filter(({ userHost }) => userHost.includes('ada'));
    ok(mine.length > 10, `seed ${seed}: only ${mine.length} of ${log.length} entries`);
    for (const { command, argument } of mine) {
      const isStatement = command === 'Query' || command === 'Prepare' || command === 'Execute';
      if (!isStatement || argument.startsWith('/*postern*/')) continue;
      if (/^(KILL QUERY|SET NAMES)/.test(argument)) continue;
      // Where the mutation broke the FROM, what is left names no table, and is a syntax error.
      const told = /\b(FROM|JOIN|INTO|UPDATE|DELETE)\s+secrets/i.test(argument);
      ok(!told, `seed ${seed}: the target was told ${argument}`);
      if (command === 'Execute') continue;
      const known = allowed.has(withoutEdges(loggedBytes(argument)));
      ok(known, `seed ${seed}: not on record as allowed: ${JSON.stringify(argument)}`);
    }
  }
});

/** MariaDB cuts white space before a text, and white space and semicolons behind it, off first. */
function withoutEdges(statement: string): string {
  return statement.replace(/^[ \t\n\v\f\r]+/, '').replace(/[ \t\n\v\f\r;]+$/, '');
}

/** The general log writes bytes that are no UTF-8 as \\xNN; one character per byte. */
function loggedBytes(argument: string): string {
  return Buffer.from(argument)
    .toString('latin1')
    .replace(/\\x([0-9A-F]{2})/g, (_, hex: string) =>
      String.fromCharCode(Number.parseInt(hex, 16)),
    );
}
