// SPDX-License-Identifier: Apache-2.0
import { problemText } from '../src/model/errors.ts';
import { Installation } from './demo/installation.ts';
import { Terminal } from './demo/terminal.ts';
import { showAudit } from './demo/tour/audit.ts';
import { showDenial, showWaysAround, showWhoCan } from './demo/tour/denials.ts';
import { showJob, showPerson, showWorkload } from './demo/tour/identities.ts';
import { showRevocation } from './demo/tour/revocation.ts';
import { showSetup } from './demo/tour/setup.ts';
import { Difference, type Tour } from './demo/tour/tour.ts';
import { showWhatToTry } from './demo/tour/what-to-try.ts';

const once = (process.env['ONCE'] ?? '') !== '';

async function showAll(tour: Tour): Promise<void> {
  const begun = performance.now();
  await showSetup(tour);
  const account = await showWorkload(tour);
  await showPerson(tour);
  await showJob(tour);
  await showDenial(tour);
  await showWaysAround(tour, account);
  await showWhoCan(tour);
  await showRevocation(tour);
  await showAudit(tour);
  tour.terminal.gap();
  tour.terminal.say(`Everything above really ran, in ${elapsed(begun)}.`);
}

function elapsed(begun: number): string {
  return `${((performance.now() - begun) / 1000).toFixed(1)} s`;
}

/** Resolves when the visitor or the system wants an end; further signals change nothing. */
function endWanted(): Promise<NodeJS.Signals> {
  return new Promise((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.on(signal, () => resolve(signal));
    }
  });
}

async function main(): Promise<number> {
  const colour = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
  const terminal = new Terminal((text) => process.stdout.write(text), colour);
  const signal = endWanted();
  const installation = new Installation((part, where) => terminal.fact(part, where));
  try {
    const tour = showAll({ installation, terminal });
    const interrupted = await Promise.race([tour, signal]);
    if (interrupted !== undefined) return 130;
    if (once) return 0;
    await showWhatToTry({ installation, terminal });
    await signal;
    terminal.gap();
    return 0;
  } catch (thrown) {
    const what = thrown instanceof Difference ? 'differed' : 'failed';
    const problem = thrown instanceof Difference ? thrown.message : problemText(thrown);
    const log = installation.gatewayLog;
    process.stderr.write(`\ndemo: step ${terminal.stepNumber} ${what}: ${problem}\n`);
    if (log !== '') process.stderr.write(`\nLast lines of the gateway's log:\n${log}\n`);
    return 1;
  } finally {
    await installation.stop();
    if (!once) terminal.say('Everything is stopped, and its directory removed.');
  }
}

// What an interrupted tour had under way must not keep the process: its parts are stopped.
process.exit(await main());
