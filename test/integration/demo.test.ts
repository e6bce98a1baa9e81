// SPDX-License-Identifier: Apache-2.0
import { equal, match, ok } from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { mariadbEnvironment } from '../support/mariadb-template.ts';
import { until } from '../support/world.ts';

const DEMO = fileURLToPath(new URL('../../scripts/demo.js', import.meta.url));
const LIMIT_MS = 60_000;

interface Running {
  readonly child: ChildProcess;
  readonly output: { text: string };
}

function start(program: string, flags: readonly string[], env: Record<string, string>): Running {
  const environment = { ...mariadbEnvironment(process.env['POSTERN_MARIADB_BASEDIR']), ...env };
  const child = spawn(program, flags, { env: environment, stdio: ['ignore', 'pipe', 'pipe'] });
  const output = { text: '' };
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output.text += text;
    });
  }
  return { child, output };
}

function startDemo(env: Record<string, string>): Running {
  return start(process.execPath, [DEMO], { ONCE: '', ...env });
}

async function ended({ child }: Running): Promise<number | null> {
  if (child.exitCode === null && child.signalCode === null) await once(child, 'close');
  return child.exitCode;
}

/** As a visitor types it in a shell. */
async function typed(command: string): Promise<{ code: number | null; text: string }> {
  const shell = start('sh', ['-c', command], {});
  return { code: await ended(shell), text: shell.output.text };
}

function directoryOf(text: string): string {
  const [directory = ''] = /\S+\/postern-demo-\w+/.exec(text) ?? [];
  ok(directory, text);
  return directory;
}

describe('demo', () => {
  it('shows three identities, a denial, a revocation and the audit, then cleans up', async () => {
    const begun = Date.now();
    const demo = startDemo({ ONCE: '1' });
    equal(await ended(demo), 0, demo.output.text);
    const { text } = demo.output;
    ok(Date.now() - begun < LIMIT_MS, 'the tour takes less than a minute');
    for (const line of [
      /postern:\w+:workload\/prod\/payments\/checkout:\w+@127\.0\.0\.1/,
      /You are user\/people\/ada until/,
      /Grace/,
      /postern:\w+:ci\/github\/acme\/shop@production:\w+@127\.0\.0\.1/,
      /ERROR 1142: Postern: .*shop\.customers/,
      /rule +Grant\/data-orders\/analysts-read +policy\/rules\.yaml:\d+/,
      /ERROR 1045 \(28000\): Access denied for user 'postern:/,
      /Deny\/only-prod-reaches-prod/,
      /by Grant\/data-orders\/checkout-writes +policy\/rules\.yaml:\d+/,
      /ERROR 1927: .*\[revoked\]/,
      /Ended [0-4]\.\d\d s after the file was saved/,
      /The audit verifies: \d+ records/,
      /record-changed/,
    ]) {
      match(text, line);
    }
    ok(!text.includes('\u001b'), 'no colour without a terminal');
    ok(!existsSync(directoryOf(text)), 'the directory is gone');
  });

  it('stays up with commands that work as they are printed, until Ctrl-C', async () => {
    const demo = startDemo({});
    const { output } = demo;
    await until(() => output.text.includes('Ctrl-C ends'), LIMIT_MS, 'the demo stays up');
    const directory = directoryOf(output.text);
    const [, invitation = ''] = output.text.split('It is yours now');
    const commands = [...invitation.matchAll(/^ +\$ (.+)$/gm)].map(([, command]) => command ?? '');
    equal(commands.shift(), `cd ${directory}`);
    const inDirectory = (command: string) => typed(`cd ${directory} && ${command}`);
    try {
      for (const command of commands) await holdsWhatItSays(command, inDirectory, directory);
    } finally {
      demo.child.kill('SIGINT');
    }
    equal(await ended(demo), 0, output.text);
    ok(!existsSync(directory), 'the directory is gone');
    const { code } = await typed(`ps -eo args | grep -v grep | grep -F ${directory}`);
    equal(code, 1, 'no process of the demo is left');
  });

  it('cleans up when it is stopped in the middle', async () => {
    const demo = startDemo({});
    await until(() => /postern serve/.test(demo.output.text), LIMIT_MS, 'the gateway is started');
    demo.child.kill('SIGTERM');
    equal(await ended(demo), 130);
    ok(!existsSync(directoryOf(demo.output.text)), 'the directory is gone');
  });
});

async function holdsWhatItSays(
  command: string,
  run: (command: string) => Promise<{ code: number | null; text: string }>,
  directory: string,
): Promise<void> {
  if (command.includes('mariadb')) {
    const { code, text } = await run(`${command} -e 'SELECT id FROM orders LIMIT 1'`);
    equal(code, 0, `${command}\n${text}`);
    return;
  }
  if (command.startsWith('vi ')) {
    ok(existsSync(`${directory}/${command.slice(3)}`), command);
    return;
  }
  const { code, text } = await run(command.includes('--follow') ? `timeout 3 ${command}` : command);
  const denied = command.includes('explain');
  const expected = command.includes('--follow') ? 124 : denied ? 1 : 0;
  equal(code, expected, `${command}\n${text}`);
  match(text, denied ? /DENY|denied|no Grant/i : /\S/);
}
