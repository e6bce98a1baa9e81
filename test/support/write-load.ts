// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import type { Connection } from 'mysql2/promise';
import { directorySource } from '../../src/audit/source.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { MAX_WORKERS } from '../../src/gateway/identifiers.ts';
import { recordsOf } from './evidence.ts';
import type { World } from './world.ts';

/** A session that ended without being told why. */
interface LostSession {
  readonly writer: number;
  readonly connectionId: number;
}

/**
 * Writers that insert one row after the other and connect again whenever their connection is lost.
 * Each row has a note of its own, so that driver, audit and table can be compared row by row.
 */
export class WriteLoad {
  readonly acknowledged = new Set<string>();
  /** Asked, and the connection was lost before an answer came. */
  readonly unanswered = new Set<string>();
  readonly lost: LostSession[] = [];
  /** Answers that were errors; a process that dies gives none. */
  readonly refused: string[] = [];
  readonly #connect: (writer: number) => Promise<Connection>;
  readonly #connections = new Map<number, Connection>();
  readonly #writing: Promise<void>[];
  #stopped = false;

  constructor(writers: number, connect: (writer: number) => Promise<Connection>) {
    this.#connect = connect;
    this.#writing = Array.from({ length: writers }, (_, writer) => this.#write(writer));
  }

  /** Connection ids of the sessions that are open, by writer. */
  get sessions(): ReadonlyMap<number, number> {
    return new Map([...this.#connections].map(([writer, one]) => [writer, one.threadId]));
  }

  /** Each writer ends after the statement under way; the sessions are closed in order. */
  async stop(): Promise<void> {
    this.#stopped = true;
    await Promise.all(this.#writing);
    for (const connection of this.#connections.values()) {
      await connection.end().catch(() => connection.destroy());
    }
    this.#connections.clear();
  }

  async #write(writer: number): Promise<void> {
    for (let number = 0; !this.#stopped; number += 1) {
      const connection = this.#connections.get(writer) ?? (await this.#open(writer));
      if (!connection) continue;
      const note = `w${writer}-${number}`;
      const sql = `INSERT INTO orders (product, amount, note) VALUES (1, 1, '${note}')`;
      try {
        await connection.query(sql);
        this.acknowledged.add(note);
      } catch (thrown) {
        this.#failed(writer, connection, note, thrown as Error & { fatal?: boolean });
      }
    }
  }

  async #open(writer: number): Promise<Connection | undefined> {
    try {
      const connection = await this.#connect(writer);
      connection.on('error', () => undefined);
      this.#connections.set(writer, connection);
      return connection;
    } catch {
      // The port is closed while a gateway starts; who is told so connects again.
      await new Promise((resolve) => setTimeout(resolve, 20));
      return undefined;
    }
  }

  #failed(
    writer: number,
    connection: Connection,
    note: string,
    error: Error & { fatal?: boolean },
  ): void {
    if (!error.fatal) {
      this.refused.push(`${note}: ${error.message}`);
      return;
    }
    this.unanswered.add(note);
    this.lost.push({ writer, connectionId: connection.threadId });
    this.#connections.delete(writer);
    connection.destroy();
  }
}

/** Has the audit keep the notes. */
export function recordTexts(world: World): void {
  const text = world.policyText();
  world.writePolicy(text.replace('  mariadb:', '  audit: {statements: Text}\n  mariadb:'));
}

/** Which process gave a session this connection id. */
export function workerOf(connectionId: number): number {
  return connectionId % MAX_WORKERS;
}

/**
 * Compares what drivers were told with the audit and the table: every chain holds; what was
 * acknowledged is on record as done; what was done is on record; an outcome is unknown only where
 * the driver has none either.
 */
export async function judgeLoad(world: World, load: WriteLoad): Promise<void> {
  const audit = world.path('audit');
  deepEqual(load.refused, []);
  const { faults, streams } = verifyAudit(directorySource(audit));
  deepEqual(faults, []);
  const intents = new Map(
    recordsOf(audit, 'intent').map((intent) => [noteOf(intent.statement), intent.id]),
  );
  const outcomes = new Map(recordsOf(audit, 'outcome').map((one) => [one.id, one.outcome]));
  for (const note of load.acknowledged) {
    const id = intents.get(note);
    ok(id, `${note} was acknowledged and is not on record`);
    equal(outcomes.get(id), 'ok', `${note} was acknowledged without an outcome`);
  }
  const noteById = new Map([...intents].map(([note, id]) => [id, note]));
  const open = streams.flatMap(({ unknown }) => unknown.map(({ id }) => id));
  const recorded = [...outcomes].filter(([, outcome]) => outcome === 'unknown').map(([id]) => id);
  for (const id of [...open, ...recorded]) {
    const note = noteById.get(id) ?? id;
    ok(load.unanswered.has(note), `${note} is unknown to the audit and not to its driver`);
  }
  const rows = await world.mariadb.rootQuery("SELECT note FROM shop.orders WHERE note LIKE 'w%-%'");
  const done = new Set(rows.map((row) => String(row['note'])));
  for (const note of done) ok(intents.has(note), `${note} was done and is not on record`);
  for (const note of load.acknowledged) ok(done.has(note), `${note} was acknowledged, not done`);
}

/** Names of the accounts that were lent on the target and are still there. */
export async function lentAccounts(world: World): Promise<readonly string[]> {
  const rows = await world.mariadb.rootQuery(
    "SELECT User FROM mysql.global_priv WHERE User LIKE 'postern:%' UNION SELECT account FROM postern.lease",
  );
  return rows.map((row) => String(row['User']));
}

/** Makes every process that beats no more look dead to the next sweep. */
export async function passAMinute(world: World): Promise<void> {
  await world.mariadb.rootQuery(
    'UPDATE postern.instance SET heartbeat = heartbeat - INTERVAL 2 MINUTE',
  );
}

function noteOf(statement: string | undefined): string {
  return /'(w\d+-\d+)'/.exec(statement ?? '')?.[1] ?? '';
}
