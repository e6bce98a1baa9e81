// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Connection, ResultSetHeader } from 'mysql2/promise';
import { directorySource, fileChunks } from '../../src/audit/source.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { asPerson } from '../support/drivers.ts';
import { recordsOf } from '../support/evidence.ts';
import { until, World } from '../support/world.ts';

const CONNECTIONS = 8;

/** Takes what is left of a file system. */
function fill(directory: string): void {
  mkdirSync(directory);
  const block = Buffer.alloc(4_096);
  for (let count = 0; ; count += 1) {
    try {
      writeFileSync(join(directory, `ballast-${count >> 8}`), block, { flag: 'a' });
    } catch {
      return;
    }
  }
}

/** Inserts without a pause; what became of each statement. */
class Load {
  done = 0;
  denied = 0;
  readonly surprises: string[] = [];
  #stopped = false;

  async run(connection: Connection, name: string): Promise<void> {
    for (let number = 0; !this.#stopped; number += 1) {
      try {
        const sql = `INSERT INTO orders (product, note) VALUES (1, '${name}-${number}')`;
        const [{ affectedRows }] = await connection.query<ResultSetHeader>(sql);
        this.done += affectedRows;
      } catch (thrown) {
        const { errno, message } = thrown as { errno?: number; message: string };
        if (errno === 1158 && message.includes('[audit-unavailable]')) this.denied += 1;
        else this.surprises.push(message);
        // A driver that is refused does not ask again at once.
        await new Promise((resolve) => setTimeout(resolve, 5));
      }
    }
  }

  stop(): void {
    this.#stopped = true;
  }
}

describe('an audit whose disk is full, under load', () => {
  it('denies with the reason, keeps what is owed, and comes back by itself', async (context) => {
    const mount = mkdtempSync(join(tmpdir(), 'postern-full-'));
    const how = ['-t', 'tmpfs', '-o', 'size=24m', 'postern-test', mount];
    if (spawnSync('mount', how).status !== 0) {
      rmSync(mount, { recursive: true });
      return context.skip('mounting a small tmpfs needs root');
    }
    const directory = join(mount, 'audit');
    const world = await World.start({
      settings: `audit: {directory: ${directory}, reserve: 256KiB, segment: 2MiB, witness: witness.jsonl}`,
    });
    try {
      const names = Array.from({ length: CONNECTIONS }, (_, index) => `w${index}`);
      const connections = await Promise.all(names.map((name) => asPerson(world, name)));
      const load = new Load();
      const running = connections.map((connection, index) => load.run(connection, `w${index}`));
      for (let round = 0; round < 2; round += 1) {
        const [before, refused] = [load.done, load.denied];
        await until(() => load.done > before + 200, 10_000, 'statements run');
        fill(join(mount, 'ballast'));
        await until(() => load.denied > refused + 20, 10_000, 'statements are denied');
        equal(world.gateway?.readiness().auditAccepting, false);
        rmSync(join(mount, 'ballast'), { recursive: true });
        await until(() => world.gateway?.readiness().auditAccepting === true, 10_000, 'recovery');
      }
      const before = load.done;
      await until(() => load.done > before + 200, 10_000, 'statements run again');
      load.stop();
      await Promise.all(running);
      await Promise.all(connections.map((connection) => connection.end()));
      await world.gateway?.stop(1_000);

      deepEqual(load.surprises, []);
      const [row] = await world.mariadb.rootQuery(
        "SELECT COUNT(*) FROM shop.orders WHERE note LIKE 'w%-%'",
      );
      match(JSON.stringify(row), new RegExp(`\\b${load.done}\\b`));
      const inserts = recordsOf(directory, 'intent').filter(({ kind }) => kind === 'insert');
      const allowed = new Set(
        inserts.filter(({ decision }) => decision === 'allow').map(({ id }) => id),
      );
      equal(allowed.size, load.done, 'nothing ran without its intent');
      const outcomes = recordsOf(directory, 'outcome').filter(({ id }) => allowed.has(id));
      equal(outcomes.length, load.done, 'every outcome that was owed is there');
      const gaps = recordsOf(directory, 'gateway').flatMap(({ gap }) => gap ?? []);
      equal(gaps.length, 2);
      for (const { refused, lost } of gaps) {
        ok(refused > 0);
        equal(lost, 0);
      }
      const witness = world.path('witness.jsonl');
      const chunks = fileChunks(witness);
      const { faults, streams } = verifyAudit(directorySource(directory), {
        witness: { file: witness, chunks },
      });
      deepEqual(faults, []);
      deepEqual(streams[0]?.unknown, []);
      equal(streams[0]?.openWindow, 0);
    } finally {
      await world.stop();
      spawnSync('umount', [mount]);
      rmSync(mount, { recursive: true, force: true });
    }
  });
});
