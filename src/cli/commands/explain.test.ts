// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCommand } from '../../../test/support/command-run.ts';
import { repositoryFile } from '../../../test/support/repository-file.ts';
import { registerExplain } from './explain.ts';

const SHOP = ['--policy', repositoryFile('examples/shop')];
const GROUP = ['--group', '8c1e0000-0000-0000-0000-000000000000'];
const MORNING = ['--at', '2026-06-01T08:00:00Z'];

function explain(...argv: string[]) {
  return runCommand(registerExplain, repositoryFile('.'), ['explain', ...SHOP, ...argv]);
}

describe('explain', () => {
  it('allows a statement and names rule, place and limits', async () => {
    const sql = 'update orders set paid = 1 where id = 3';
    const at = ['--as', 'payments/checkout', '--to', 'orders', '--schema', 'shop', ...MORNING];
    const { code, out } = await explain(...at, sql);
    assert.equal(code, 0);
    assert.match(out, /^ALLOW {2}workload\/prod-weu\/payments\/checkout at data-orders\/orders/);
    assert.match(out, /yes {2}update shop\.orders {2}Grant\/data-orders\/checkout-writes/);
    assert.match(out, /Grant\/data-orders\/checkout-writes {2}examples\/shop\/rules\.yaml:\d+/);
    assert.match(out, /Limits: connections 20/);
    assert.match(out, /Next: postern who-can "update shop\.orders" --on orders/);
  });

  it('denies a right and says what would allow it', async () => {
    const asked = ['--as', 'payments/checkout', '--to', 'orders', ...MORNING, 'delete shop.orders'];
    const { code, out } = await explain(...asked);
    assert.equal(code, 1);
    assert.match(out, /^DENY/);
    assert.match(out, /not-permitted: no Grant gives/);
    assert.match(out, /A Grant of role .*migrator.* gives delete shop\.orders/);
  });

  it('denies what cannot be read as the gateway would', async () => {
    const asked = ['--as', 'payments/checkout', '--to', 'orders', 'SELECT FROM WHERE'];
    const { code, out } = await explain(...asked);
    assert.equal(code, 1);
    assert.match(out, /statement-unparsed/);
  });

  it('asks about connecting when there is no question', async () => {
    const member = await explain('--as', 'user/entra/ann', '--to', 'orders', ...GROUP);
    assert.equal(member.code, 0);
    const stranger = await explain('--as', 'user/entra/ann', '--to', 'orders');
    assert.equal(stranger.code, 1);
    assert.match(stranger.out, /no-grant/);
  });

  it('takes the question after repeatable options', async () => {
    const asked = ['--as', 'user/entra/ann', '--to', 'orders', '--group', 'x', ...GROUP];
    const { code } = await explain(...asked, 'select shop.orders');
    assert.equal(code, 0);
  });

  it('prints JSON', async () => {
    const asked = ['--as', 'payments/checkout', '--to', 'orders', '--json', ...MORNING];
    const { out } = await explain(...asked, 'drop shop.orders');
    const { principal, decision, needs, remedies } = JSON.parse(out);
    assert.equal(principal, 'workload/prod-weu/payments/checkout');
    assert.equal(decision.reason, 'not-permitted');
    assert.deepEqual(
      needs.map((one: { need: string; allowed: boolean }) => [one.need, one.allowed]),
      [['drop shop.orders', false]],
    );
    assert.equal(remedies.length, 1);
  });

  it('says which word of the command line is wrong', async () => {
    const thrown = async (...argv: string[]) => (await explain(...argv)).thrown ?? '';
    assert.match(await thrown('--as', 'payments/checkout', '--to', 'ordrs'), /mean orders/);
    assert.match(await thrown('--as', 'payments', '--to', 'orders'), /not the id of a principal/);
    assert.match(await thrown('--to', 'orders'), /Give --as/);
    assert.match(
      await thrown('--as', 'user/entra/a', '--to', 'orders', '--at', 'noon'),
      /not a time/,
    );
    assert.match(
      await thrown('--as', 'user/entra/a', '--to', 'orders', '--claim', 'x'),
      /NAME=VALUE/,
    );
  });
});
