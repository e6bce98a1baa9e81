// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { MAIN } from '../support/cli-process.ts';
import { ExampleWorld } from '../support/example-world.ts';
import { repositoryFile } from '../support/repository-file.ts';
import { type Ran, readScenario, runStep, type Step } from '../support/scenario.ts';

const FOLDER = repositoryFile('test/cli');

/** Each script is a terminal session; test/support/scenario.ts says how it is written. */
describe('scenarios of the command line', { concurrency: 2 }, () => {
  let programs: string;
  before(() => {
    programs = mkdtempSync(join(tmpdir(), 'postern-programs-'));
    const script = `#!/bin/sh\nexec ${process.execPath} ${MAIN} "$@"\n`;
    writeFileSync(join(programs, 'postern'), script, { mode: 0o755 });
  });
  after(() => rmSync(programs, { recursive: true }));

  for (const name of readdirSync(FOLDER).filter((file) => file.endsWith('.txt'))) {
    it(name.replace('.txt', ''), async () => {
      const text = readFileSync(join(FOLDER, name), 'utf8');
      const place = text.startsWith('# with: shop\n') ? await shop() : nothing();
      try {
        for (const step of readScenario(text)) {
          const ran = await runStep(step, { ...place, programs });
          assert.ok(agrees(step, ran), difference(name, step, ran));
        }
      } finally {
        await place.leave();
      }
    });
  }
});

interface Place {
  readonly home: string;
  readonly env?: Readonly<Record<string, string>>;
  leave(): void | Promise<void>;
}

function nothing(): Place {
  const home = mkdtempSync(join(tmpdir(), 'postern-scenario-'));
  mkdirSync(join(home, 'state'));
  return { home, leave: () => rmSync(home, { recursive: true, force: true }) };
}

/** examples/shop as ./policy, its databases prepared, and a cluster. */
async function shop(): Promise<Place> {
  const world = await ExampleWorld.start();
  await world.bootstrap();
  return {
    home: world.directory,
    env: { KUBECONFIG: world.kubeconfig, DATABASES: world.administrators().join(' ') },
    leave: () => world.stop(),
  };
}

function agrees(step: Step, ran: Ran): boolean {
  return (
    step.code === ran.code &&
    step.out.test(ran.out) &&
    step.err.test(ran.err) &&
    !/^ {4}at .*:\d+/m.test(ran.err)
  );
}

function difference(file: string, { line, command, expected }: Step, ran: Ran): string {
  const shown = [
    ...ran.out.split('\n').slice(0, -1),
    ...ran.err
      .split('\n')
      .slice(0, -1)
      .map((text) => `2> ${text}`),
    ...(ran.code === 0 ? [] : [`[${ran.code}]`]),
  ];
  return `test/cli/${file}:${line}\n$ ${command}\n${shown.join('\n')}\n--- expected\n${expected}`;
}
