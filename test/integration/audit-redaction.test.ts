// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect } from 'node:net';
import { after, before, describe, it } from 'node:test';
import type { Connection } from 'mysql2/promise';
import { registerAudit } from '../../src/cli/commands/audit.ts';
import { runCommand } from '../support/command-run.ts';
import { asPerson } from '../support/drivers.ts';
import { auditRecords, filesBelow, memoryLog, recordsOf } from '../support/evidence.ts';
import { until, World } from '../support/world.ts';

const EVERYWHERE = { Text: 'zqtext', Normalised: 'zqnorm', None: 'zqnone' } as const;
type Mode = keyof typeof EVERYWHERE;

/** A literal in every place of a statement, an answer or an error where one can be. */
async function speak(connection: Connection, marker: string): Promise<void> {
  const insert = 'INSERT INTO orders (id, note) VALUES (?, ?)';
  await connection.query(`SELECT '${marker}-literal' AS a, 0x414243 /* ${marker}-comment */`);
  await connection.execute('SELECT id FROM orders WHERE note = ?', [`${marker}-parameter`]);
  await connection.execute(`SELECT id FROM orders WHERE note = '${marker}-prepared'`);
  await rejects(connection.query(`SELECT * FROM secrets WHERE secret = '${marker}-denied'`));
  await rejects(connection.query(`SELECT 'it's ${marker}x unparsed' , 'x' FROM orders`));
  await rejects(connection.query(`SET default_storage_engine = '${marker}engine'`));
  await rejects(connection.query(`LOAD DATA LOCAL INFILE '${marker}.csv' INTO TABLE orders`));
  await rejects(
    connection.query(`SELECT CAST('${marker}-error' AS INT), NO_SUCH_COLUMN FROM orders`),
  );
  await rejects(connection.execute(insert, [1, `${marker}-duplicate`]));
  await rejects(connection.query(`CREATE USER x IDENTIFIED BY 'credential-${marker}'`));
}

describe('what the audit says of statements', () => {
  let world: World;
  const log = memoryLog();

  before(async () => {
    world = await World.start({ gateway: false, log });
    world.writePolicy(policyWith('Text'));
    await world.startGateway();
    for (const mode of ['Text', 'Normalised', 'None'] as const) await session(mode);
    await world.gateway?.stop(2_000);
  });
  after(() => world?.stop());

  function policyWith(mode: string): string {
    const audit = `  audit: {statements: ${mode}, parameters: Hash}\n`;
    return world.policyText().replace('  expose:', `${audit}  expose:`);
  }

  async function session(mode: Mode): Promise<void> {
    const { gateway } = world;
    const revision = gateway?.revision;
    world.writePolicy(policyWith(mode));
    const inForce = () => mode === 'Text' || gateway?.revision !== revision;
    await until(inForce, 5_000, `a revision with ${mode}`);
    const connection = await asPerson(world, `in-${mode}`);
    await speak(connection, EVERYWHERE[mode]);
    await connection.end();
  }

  const directory = () => world.path('audit');
  const of = (mode: Mode) =>
    recordsOf(directory(), 'intent').filter(({ principal }) => principal.endsWith(`in-${mode}`));

  it('is the text where the Target says so, credentials left out', () => {
    const said = JSON.stringify(of('Text'));
    for (const place of ['-literal', '-prepared', '-denied', 'x unparsed', '.csv', 'engine']) {
      ok(said.includes(`zqtext${place}`), place);
    }
    const user = of('Text').at(-1);
    equal(user?.statement, undefined);
    equal(user?.statementBytes, "CREATE USER x IDENTIFIED BY 'credential-zqtext'".length);
  });

  it('has no literal where it does not, in no file and in no line of the log', () => {
    for (const [file, text] of filesBelow(directory())) {
      for (const word of ['zqnorm', 'zqnone', 'credential']) ok(!text.includes(word), file);
    }
    ok(!/zqnorm|zqnone|credential-|zqtext/.test(log.lines.join()));
  });

  it('has the shape of what was understood, or length and hash alone', () => {
    const shapes = of('Normalised').map(({ statement }) => statement);
    ok(shapes.includes('select ? as a, ?'), shapes.join('\n'));
    const unparsed = of('Normalised').find(({ reason }) => reason === 'statement-unparsed');
    equal(unparsed?.statement, undefined);
    ok((unparsed?.statementBytes ?? 0) > 20);
    match(unparsed?.detail ?? '', /^[a-z ]+$/);
    for (const intent of of('None')) equal(intent.statement, undefined);
    for (const mode of ['Text', 'Normalised', 'None'] as const) {
      for (const { command, statementHash = '' } of of(mode)) {
        if (command !== 'COM_STMT_CLOSE') match(statementHash, /^[0-9a-f]{8}:[0-9a-f]{64}$/);
      }
    }
  });

  it('finds a statement again by its hash, and equal parameters', async () => {
    const [a = '', b = ''] = ['-literal', '-other'].map(
      (place) => `SELECT 'zqnone${place}' AS a, 0x414243 /* zqnone-comment */`,
    );
    const search = (sql: string) =>
      runCommand(registerAudit, world.directory, ['audit', 'search', '--like-statement', sql]);
    match((await search(a)).err, /^1 record\n/);
    match((await search(b)).err, /^0 records/);
    const executed = of('None').filter(({ command }) => command === 'COM_STMT_EXECUTE');
    ok(executed.length >= 2);
    for (const { parametersHash = '' } of executed.slice(0, 1)) {
      match(parametersHash, /^[0-9a-f]{8}:[0-9a-f]{64}$/);
    }
    const key = readFileSync(world.path('audit-hash-key'), 'utf8').trim();
    for (const [file, text] of filesBelow(directory())) ok(!text.includes(key), file);
  });
});

describe('a flood of strangers', () => {
  it('shares records, and every id that was told is on record', async () => {
    const world = await World.start();
    try {
      const told = new Set<string>();
      for (let round = 0; round < 2; round += 1) {
        await Promise.all(Array.from({ length: 60 }, () => knock(world.port('token'), told)));
      }
      const directory = world.path('audit');
      equal(recordsOf(directory, 'login-denied').length, 30);
      await world.gateway?.stop(500);
      const denied = recordsOf(directory, 'login-denied');
      equal(denied.length, 31);
      equal(denied.at(-1)?.repeated?.count, 90);
      equal(denied.at(-1)?.source, '127.0.0.0/24');
      const ids = new Set(denied.map(({ id }) => id));
      deepEqual(
        [...told].filter((id) => !ids.has(id)),
        [],
      );
      ok(auditRecords(directory).length < 60);
    } finally {
      await world.stop();
    }
  });
});

/** Logs in without TLS and without proof, and notes the decision id of the refusal. */
async function knock(port: number, told: Set<string>): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  const answer = Buffer.from(
    '2000000185a69f00000000012d0000000000000000000000000000000000000000000000',
    'hex',
  );
  answer[0] = answer.length - 4 + 5;
  const login = Buffer.concat([answer, Buffer.from('bob\0\0')]);
  let text = '';
  socket.once('data', () => socket.write(login));
  socket.on('data', (chunk) => {
    text += chunk.toString('latin1');
  });
  socket.on('error', () => undefined);
  await once(socket, 'close');
  const id = /d[0-9a-z]{6,}-[0-9a-z]+|d-[0-9a-z]+/.exec(text)?.[0];
  ok(id, text);
  told.add(id);
}
