// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  symlinkSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import type { Connection, RowDataPacket } from 'mysql2/promise';
import { Gateway } from '../../src/app/gateway.ts';
import { directorySource } from '../../src/audit/source.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { readSettings } from '../../src/config/read.ts';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { silentLog } from '../../src/model/log.ts';
import { asPerson, asWorkload } from '../support/drivers.ts';
import { memoryLog, newRecords, recordsOf } from '../support/evidence.ts';
import { until, World } from '../support/world.ts';

const HOUR_MS = 3_600_000;

async function works(connection: Connection): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>('SELECT COUNT(*) AS n FROM orders');
  equal(rows.length, 1);
}

/** Takes what is left of a file system. */
function fill(directory: string): void {
  const block = Buffer.alloc(4_096);
  for (let count = 0; ; count += 1) {
    try {
      writeFileSync(join(directory, `ballast-${count >> 8}`), block, { flag: 'a' });
    } catch (thrown) {
      match(String(thrown), /ENOSPC/);
      return;
    }
  }
}

describe('a gateway with faults', () => {
  it('denies what cannot be recorded, finishes what runs, and recovers by itself', async (context) => {
    const mount = mkdtempSync(join(tmpdir(), 'postern-disk-'));
    const how = ['-t', 'tmpfs', '-o', 'size=2m', 'postern-test', mount];
    if (spawnSync('mount', how).status !== 0) {
      rmSync(mount, { recursive: true });
      return context.skip('mounting a small tmpfs needs root');
    }
    const audit = join(mount, 'audit');
    const world = await World.start({
      settings: `audit: {directory: ${audit}, reserve: 64KiB}`,
    });
    try {
      const connection = await asPerson(world);
      const other = await asPerson(world, 'grace');
      await works(connection);
      const before = recordsOf(audit, 'outcome').length;
      const running = connection.query('SELECT SLEEP(1)');
      await new Promise((resolve) => setTimeout(resolve, 200));
      const ballast = join(mount, 'ballast');
      mkdirSync(ballast);
      fill(ballast);
      await until(
        () =>
          other.query('SELECT 1').then(
            () => false,
            (error: { errno: number; message: string }) => {
              equal(error.errno, 1158);
              match(error.message, /audit cannot be written.*\[audit-unavailable\]/);
              return true;
            },
          ),
        5_000,
        'requests are denied',
      );
      equal(world.gateway?.readiness().auditAccepting, false);
      equal(world.gateway?.readiness().ready, false);
      await rejects(asPerson(world, 'newcomer'), /audit-unavailable/);
      await rejects(asWorkload(world), /audit-unavailable/);
      await running;
      rmSync(ballast, { recursive: true });
      await until(() => world.gateway?.readiness().ready === true, 10_000, 'it has recovered');
      // The sessions that were denied are still good.
      await works(other);
      await works(connection);
      equal(world.gateway?.sessions.length, 2);
      const slept = (await newRecords(audit, 'outcome', before)).find(
        ({ durationMs }) => durationMs > 900,
      );
      equal(slept?.outcome, 'ok');
      await connection.end();
      await other.end();
      await world.gateway?.stop(1_000);
      const { faults, streams } = verifyAudit(directorySource(audit));
      deepEqual(faults, []);
      deepEqual(streams[0]?.unknown, []);
    } finally {
      await world.stop();
      spawnSync('umount', [mount]);
      rmSync(mount, { recursive: true, force: true });
    }
  });

  it('keeps the declaration it has when the new one is broken, and says so loudly', async () => {
    const log = memoryLog();
    const world = await World.start({ log });
    try {
      const connection = await asPerson(world);
      const { revision } = world.gateway ?? {};
      const refused = () =>
        recordsOf(world.path('audit'), 'gateway').filter(({ what }) => what === 'policy-refused');
      for (const [text, fault] of [
        [world.policyText().replace('kind: Grant', 'kind: Gramt'), /Gramt/],
        ['{[', /policy\.yaml/],
        [world.policyText().replace('role: orders-writer', 'role: nobody'), /nobody/],
        ['', /declar/i],
      ] as const) {
        const before = refused().length;
        world.writePolicy(text);
        await until(() => refused().length > before, 5_000, 'the new one is refused');
        const [record] = refused().slice(before);
        match(record?.detail ?? '', fault);
        match(record?.detail ?? '', /policy\.yaml:?|policy/);
        equal(record?.revision, revision);
        equal(world.gateway?.revision, revision);
        await works(connection);
        await (await asPerson(world)).end();
      }
      ok(
        log.lines.some((line) => line.startsWith('error the declaration was refused')),
        'not in the log',
      );
      const metrics = await (await fetch(`http://${world.gateway?.probeAddress}/metrics`)).text();
      match(metrics, /^postern_policy_loads_total\{result="refused"\} 4$/m);
      match(metrics, /^postern_policy_loads_total\{result="accepted"\} 1$/m);
      world.writePolicy(
        world.policyText(
          '---\napiVersion: postern.dev/v1alpha1\nkind: Team\nmetadata: {name: t}\nspec: {members: [{group: {provider: people, id: x}}]}\n',
        ),
      );
      await until(() => world.gateway?.revision !== revision, 5_000, 'the good one is used');
      await works(connection);
      connection.destroy();
    } finally {
      await world.stop();
    }
  });

  it('records more or less of statements as the declaration says, without touching sessions', async () => {
    const world = await World.start();
    const declared = (statements: string) =>
      world.policyText().replace('  mariadb:', `  audit: {statements: ${statements}}\n  mariadb:`);
    try {
      const connection = await asPerson(world);
      const sql = 'SELECT id FROM orders WHERE id = 1';
      for (const [statements, expected] of [
        ['Text', (sql: string) => sql],
        ['None', () => undefined],
        ['Normalised', () => 'select id from orders where id = ?'],
      ] as const) {
        const { revision } = world.gateway ?? {};
        world.writePolicy(declared(statements));
        await until(() => world.gateway?.revision !== revision, 5_000, 'it is reloaded');
        const before = recordsOf(world.path('audit'), 'intent').length;
        await connection.query(sql);
        const [intent] = await newRecords(world.path('audit'), 'intent', before);
        equal(intent?.statement, expected(sql));
        await (await asPerson(world)).end();
      }
      await until(() => world.gateway?.sessions.length === 1, 2_000, 'only the first is left');
      await connection.end();
    } finally {
      await world.stop();
    }
  });

  it('follows a declaration that is mounted the way of Kubernetes', async () => {
    const world = await World.start({ gateway: false });
    const policy = (name: string) => world.path(`policy/${name}`);
    const version = (name: string, text: string) => {
      mkdirSync(policy(name));
      writeFileSync(policy(`${name}/policy.yaml`), text);
      symlinkSync(name, policy('..data_tmp'));
      renameSync(policy('..data_tmp'), policy('..data'));
    };
    try {
      unlinkSync(policy('policy.yaml'));
      version('..2026_01', world.policyText());
      symlinkSync('..data/policy.yaml', policy('policy.yaml'));
      await world.startGateway();
      const workload = await asWorkload(world);
      const person = await asPerson(world);
      const text = world.policyText();
      version(
        '..2026_02',
        text.replace('serviceAccounts: [payments/checkout]', 'serviceAccounts: [a/b]'),
      );
      rmSync(policy('..2026_01'), { recursive: true });
      const gone = () =>
        workload.query('SELECT 1').then(
          () => false,
          () => true,
        );
      await until(gone, 5_000, 'the grant is gone');
      await works(person);
      version('..2026_03', text);
      await until(
        () =>
          asWorkload(world).then(
            (again) => again.end().then(() => true),
            () => false,
          ),
        5_000,
        'the grant is back',
      );
      await person.end();
    } finally {
      await world.stop();
    }
  });

  it('notices a clock that was moved: what is over ends, what is not goes on', async () => {
    let offsetMs = 0;
    const clock: Clock = {
      now: () => systemClock.now() + offsetMs,
      monotonic: () => systemClock.monotonic(),
      after: (ms, run) => systemClock.after(ms, run),
    };
    const world = await World.start({ clock });
    const moved = () =>
      recordsOf(world.path('audit'), 'gateway').filter(({ what }) => what === 'clock-moved');
    try {
      const person = await asPerson(world);
      const workload = await asWorkload(world);
      // Two hours on: the provider gives sessions one hour, the certificate has a day.
      offsetMs = 2 * HOUR_MS;
      await until(() => moved().length === 1, 5_000, 'noticed');
      match(moved()[0]?.detail ?? '', /by about 7[12]\d{5} ms/);
      await rejects(person.query('SELECT 1'));
      await works(workload);
      await rejects(asPerson(world), /Access denied/);
      offsetMs = 0;
      await until(() => moved().length === 2, 5_000, 'noticed again');
      await works(workload);
      // Three hours back: tokens of now are from the future, and the audit says whose fault it may be.
      offsetMs = -3 * HOUR_MS;
      await until(() => moved().length === 3, 5_000, 'noticed once more');
      const before = recordsOf(world.path('audit'), 'login-denied').length;
      await rejects(asPerson(world), /Access denied/);
      const [denied] = await newRecords(world.path('audit'), 'login-denied', before);
      equal(denied?.reason, 'token-not-yet-valid');
      match(denied?.detail ?? '', /is a clock wrong\?/);
      await works(workload);
      offsetMs = 0;
      await until(() => moved().length === 4, 5_000, 'noticed at last');
      await (await asPerson(world)).end();
      await workload.end();
      await world.gateway?.stop(1_000);
      deepEqual(verifyAudit(directorySource(world.path('audit'))).faults, []);
    } finally {
      await world.stop();
    }
  });

  it('does not start beside another on the same socket, ports or audit', async () => {
    const world = await World.start();
    const start = async (text: string) => {
      world.write('second.yaml', text);
      const { settings } = readSettings(world.path('second.yaml'));
      const second = await Gateway.start({ settings, clock: systemClock, log: silentLog });
      await second.stop(0);
    };
    try {
      const connection = await asPerson(world);
      const ports = { mesh: world.port('mesh'), token: world.port('token') };
      const elsewhere = 'administration: {socket: second.sock}';
      const otherAudit = 'audit: {directory: audit-2}';
      await rejects(
        start(`${world.settingsText()}\n${otherAudit}`),
        /postern\.sock.*another process/,
      );
      await rejects(
        start(`${world.settingsText(ports)}\n${elsewhere}\n${otherAudit}`),
        /Cannot listen on 127\.0\.0\.1:\d+.*EADDRINUSE/,
      );
      await rejects(
        start(`${world.settingsText()}\n${elsewhere}`),
        /audit.*another process is writing to it as test\.0/,
      );
      await works(connection);
      await connection.end();
      await world.gateway?.stop(1_000);
      const { faults, streams } = verifyAudit(directorySource(world.path('audit')));
      deepEqual(faults, []);
      equal(streams.length, 1, 'a second stream was begun');
    } finally {
      await world.stop();
    }
  });
});
