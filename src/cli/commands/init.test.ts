// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { Command } from 'commander';
import { readSettings } from '../../config/read.ts';
import type { RegisterCommand } from '../command.ts';
import { SKELETON_PRESETS } from '../init/provider-skeleton.ts';
import { registerCheck } from './check.ts';
import { registerInit } from './init.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-init-'));

async function run(cwd: string, register: RegisterCommand, ...argv: string[]) {
  const printed: string[] = [];
  const print = (text: string) => printed.push(text);
  let code = -1;
  const program = new Command().exitOverride();
  const context = { cwd, env: {}, interactive: false, out: print, err: print };
  register(program, context, async (action) => {
    code = await action();
  });
  await program.parseAsync(argv, { from: 'user' });
  return { code, text: printed.join('\n') };
}

describe('init', () => {
  after(() => rmSync(root, { recursive: true }));

  for (const preset of SKELETON_PRESETS) {
    it(`writes what check accepts, for ${preset}`, async () => {
      const written = await run(root, registerInit, 'init', preset, '--provider', preset);
      assert.match(written.text, new RegExp(`Next: cd ${preset} && postern check$`));
      const directory = join(root, preset);
      const checked = await run(directory, registerCheck, 'check', '--strict');
      assert.equal(checked.code, 0, checked.text);
      assert.match(checked.text, /2 rules, 1 target, 3 expectations hold\./);
      const { settings } = readSettings(join(directory, 'postern.yaml'));
      assert.deepEqual(settings.policy, [join(directory, 'policy')]);
      assert.equal(settings.listeners[0]?.target, 'data-orders/orders');
    });
  }

  it('overwrites nothing and then writes nothing', async () => {
    const directory = mkdtempSync(join(root, 'taken-'));
    writeFileSync(join(directory, 'postern.yaml'), 'mine');
    await assert.rejects(run(directory, registerInit, 'init'), /postern\.yaml exist already/);
    assert.deepEqual(readdirSync(directory), ['postern.yaml']);
    assert.equal(readFileSync(join(directory, 'postern.yaml'), 'utf8'), 'mine');
  });
});
