// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { cpSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { registerExplain } from '../../src/cli/commands/explain.ts';
import { runCommand } from '../support/command-run.ts';
import { asPerson, asWorkload } from '../support/drivers.ts';
import { recordsOf } from '../support/evidence.ts';
import { until, World } from '../support/world.ts';

/** Another machine: a copy of the audit, and nothing of the gateway. */
const elsewhere = mkdtempSync(join(tmpdir(), 'postern-elsewhere-'));
const copy = join(elsewhere, 'audit');

describe('explain, months later', () => {
  let allowed: string;
  let denied: string;
  let refused: string;
  let revision: string;
  const then = new Map<string, string>();
  let today: string;

  before(async () => {
    const world = await World.start();
    try {
      await decide(world);
      const ids = [allowed, denied, refused];
      for (const id of ids) then.set(id, (await explain(world.path('audit'), id)).out);
      // Everything is renamed, then taken away, with restarts in between.
      for (let round = 0; round < 4; round += 1) {
        await reload(world, world.policyText().replaceAll('orders-writer', `role-${round}`));
        if (round % 2 === 0) continue;
        await world.gateway?.stop(500);
        await world.startGateway();
      }
      today = world.policyText().replace(/role: orders-writer/, 'role: reader');
      await world.gateway?.stop(500);
      cpSync(world.path('audit'), copy, { recursive: true });
    } finally {
      await world.stop();
    }
  });
  after(() => rmSync(elsewhere, { recursive: true, force: true }));

  async function decide(world: World): Promise<void> {
    revision = world.gateway?.revision ?? '';
    const connection = await asWorkload(world);
    await connection.query('SELECT id FROM orders');
    await rejects(connection.query('SELECT * FROM secrets'));
    await connection.end();
    await rejects(asPerson(world, 'mallory', ['nobody']));
    const directory = world.path('audit');
    const of = (decision: string) =>
      recordsOf(directory, 'intent').filter((intent) => intent.decision === decision);
    await until(() => of('deny').length > 0, 5_000, 'the denial');
    allowed = of('allow').find(({ kind }) => kind === 'select')?.id ?? '';
    denied = of('deny')[0]?.id ?? '';
    await until(() => recordsOf(directory, 'login-denied').length > 0, 5_000, 'the refusal');
    refused = recordsOf(directory, 'login-denied')[0]?.id ?? '';
  }

  async function reload(world: World, text: string): Promise<void> {
    const before = world.gateway?.revision;
    world.writePolicy(text);
    await until(() => world.gateway?.revision !== before, 5_000, 'another revision');
  }

  function explain(directory: string, id: string, ...words: string[]) {
    return runCommand(registerExplain, elsewhere, ['explain', id, '--dir', directory, ...words]);
  }

  it('gives the same answer as then, with rule, role and reason', async () => {
    for (const [id, out] of then) equal((await explain(copy, id)).out, out);
    const { code, out } = await explain(copy, allowed);
    equal(code, 0);
    match(out, /^ALLOW/);
    match(out, /\nGrant\/data\/checkout, .*policy\.yaml:\d+\n(.*\n)*.*role: orders-writer/);
    match(out, /\nDataRole\/data\/orders-writer, (.*\n)+.*shop\.customers_public/);
    const denial = await explain(copy, denied);
    equal(denial.code, 1);
    match(denial.out, /^DENY {2}not-permitted .*\n(.*\n)*.*needs +select shop\.secrets/);
    match(
      (await explain(copy, refused)).out,
      /^DENY {2}no-grant .*\n(.*\n)*.*user\/people\/mallory/,
    );
  });

  it('says what would be said today, by a declaration that is given', async () => {
    writeFileSync(join(elsewhere, 'today.yaml'), today);
    for (const name of ['mesh-ca', 'dev-ca']) writeFileSync(join(elsewhere, `${name}.pem`), '');
    const { code, out } = await explain(copy, allowed, '--policy', 'today.yaml');
    equal(code, 0, 'the answer of then decides the exit code');
    match(out, /\nToday, by revision [0-9a-f]{12}:\nALLOW {2}workload\/prod\/payments\/checkout/);
    const { out: other } = await explain(copy, refused, '--policy', 'today.yaml');
    match(other, /Today, .*\nDENY .*mallory(.*\n)+! groups and claims of then are not recorded/);
  });

  it('is data too', async () => {
    const json = JSON.parse((await explain(copy, allowed, '--json')).out);
    deepEqual(Object.keys(json), ['id', 'records', 'rules', 'policy']);
    equal(json.policy, 'kept');
    deepEqual(
      json.rules.map(({ name }: { name: string }) => name),
      ['Grant/data/checkout', 'DataRole/data/orders-writer'],
    );
  });

  it('says exactly what is missing, and what is not what it was', async () => {
    const file = join(copy, 'policies', `${revision}.json`);
    writeFileSync(file, JSON.stringify({ v: 1, revision, files: [] }));
    match((await explain(copy, allowed)).out, /! policies\/.* is not the file that was in force/);
    rmSync(file);
    const { code, out } = await explain(copy, allowed);
    equal(code, 0);
    match(out, new RegExp(`! policies/${revision}\\.json is not kept here: .* loaded 20`));
    ok(out.includes('Grant/data/checkout: policies/'));
    match((await explain(copy, 'd-unknown')).thrown ?? '', /has no decision d-unknown/);
  });
});
