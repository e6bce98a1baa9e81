// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runCommand } from '../../../test/support/command-run.ts';
import { repositoryFile } from '../../../test/support/repository-file.ts';
import { registerWhoCan } from './who-can.ts';

const SHOP = ['--policy', repositoryFile('examples/shop')];

function whoCan(...argv: string[]) {
  return runCommand(registerWhoCan, repositoryFile('.'), ['who-can', ...SHOP, ...argv]);
}

describe('who-can', () => {
  it('answers with subjects, conditions, exceptions and places', async () => {
    const { code, out } = await whoCan('update shop.orders', '--on', 'orders');
    assert.equal(code, 0);
    assert.match(out, /workload\/prod-weu\/payments\/checkout/);
    assert.match(out, /by Grant\/data-orders\/checkout-writes {2}examples\/shop\/rules\.yaml:\d+/);
    assert.match(out, /when time 06:00-22:00 Europe\/Berlin/);
    assert.match(out, /except .*by Deny\/only-prod-reaches-prod/);
    assert.match(out, /Next: postern explain --as PRINCIPAL --to orders "update shop\.orders"/);
  });

  it('never leaves out members it does not know', async () => {
    const { out } = await whoCan('--on', 'orders', '--resolve');
    assert.match(out, /- unknown {4}group entra\/8c1e0000[-0]+ \(payments-eng\)/);
    assert.match(out, /- sometimes {2}workload\/prod-weu\/payments\/checkout/);
  });

  it('says when nobody can', async () => {
    const { code, out } = await whoCan('drop shop.orders', '--on', 'orders');
    assert.equal(code, 1);
    assert.match(out, /No Grant gives anybody: drop shop\.orders/);
  });

  it('prints JSON, with members only when they were asked for', async () => {
    const short = JSON.parse((await whoCan('--on', 'orders', '--json')).out);
    assert.equal(short.target, 'data-orders/orders');
    assert.ok(short.holders.every((one: object) => !('members' in one)));
    const long = JSON.parse((await whoCan('--on', 'orders', '--json', '--resolve')).out);
    assert.ok(long.holders.every((one: { members: unknown[] }) => one.members.length > 0));
  });

  it('refuses what is no right', async () => {
    const { thrown } = await whoCan('selct shop.orders', '--on', 'orders');
    assert.match(thrown ?? '', /not an action and an object.*mean select/);
  });
});
