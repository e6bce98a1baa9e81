// SPDX-License-Identifier: Apache-2.0
/**
 * Decisions per second against the number of rules. Nine rules of ten are Grants to single service
 * accounts and groups over 100 targets, the tenth is a Deny; each principal is concerned by a
 * handful. Runs for about six seconds. Usage: bench-decide [--json]
 */

import type { Principal } from '../src/model/principal.ts';
import { type Access, DecisionEngine, decideRequest } from '../src/policy/decide.ts';
import type { Policy } from '../src/policy/policy.ts';
import {
  account,
  deny,
  grant,
  need,
  policy,
  role,
  serviceClass,
  target,
  user,
  workload,
} from '../test/support/policy.ts';

const RULES = [10, 100, 1_000, 10_000];
const TARGETS = 100;
const PRINCIPALS = 50;
const MEASURE_MS = 500;

interface Result {
  readonly rules: number;
  readonly decisionsPerSecond: number;
  readonly accessesPerSecond: number;
  readonly engineMs: number;
}

function manyRules(count: number): Policy {
  const targets = Array.from({ length: TARGETS }, (_, index) => target(`data/t${index}`));
  const own = role('data/writer', ['select,insert,update shop.orders', 'select shop.*']);
  const on = (index: number) => new Set([`data/t${index % TARGETS}`]);
  const denies = Array.from({ length: Math.ceil(count / 10) }, (_, index) =>
    deny(`d${index}`, [account(`test/ns${index}/app`)], { targets: on(index) }),
  );
  const grants = Array.from({ length: count - denies.length }, (_, index) =>
    grant(
      `g${index}`,
      own.id,
      index % 2
        ? [{ kind: 'group', provider: 'entra', id: `group${index}` }]
        : [account(`prod/ns${index}/app`)],
      { targets: on(index), serviceClass: 'standard' },
    ),
  );
  const standard = serviceClass('standard', { connections: 20, requestsPerSecond: 500 });
  return policy({ targets, roles: [own], grants, denies, serviceClasses: [standard] });
}

function principals(count: number): readonly [Principal, string][] {
  return Array.from({ length: Math.min(PRINCIPALS, Math.floor(count / 2)) }, (_, index) => {
    const at = `data/t${index % TARGETS}`;
    const groups = [`group${index}`, 'another', 'a-third'];
    return index % 2 ? [user(`u${index}`, groups), at] : [workload(`prod/ns${index}/app`), at];
  });
}

/** Runs `once` in rounds until the time is over; calls per second. */
function rate(once: (round: number) => void): number {
  for (let round = 0; round < 20_000; round++) once(round);
  const begin = performance.now();
  let calls = 0;
  while (performance.now() - begin < MEASURE_MS) {
    for (let round = 0; round < 1_000; round++) once(round);
    calls += 1_000;
  }
  return Math.round((calls / (performance.now() - begin)) * 1_000);
}

function measure(rules: number): Result {
  const declared = manyRules(rules);
  const begin = performance.now();
  const engine = new DecisionEngine(declared);
  const engineMs = Math.round(performance.now() - begin);
  const now = Date.now();
  const who = principals(rules);
  const accesses = who.map(([principal, at]) => engine.access(principal, at, now) as Access);
  const features = {
    hasWhere: true,
    localInfile: false,
    multiStatement: false,
    mayHoldCredentials: false,
  };
  const questions = ['select shop.orders', 'insert shop.orders', 'delete shop.orders'].map(
    (text) => ({
      kind: 'select' as const,
      needs: [need(text), need('select shop.items')],
      features,
    }),
  );
  const surroundings = { now };
  for (const access of accesses) {
    const effects = questions.map((one) => decideRequest(access, one, surroundings).effect);
    if (effects.join() !== 'allow,allow,deny') throw new Error(`unexpected: ${effects.join()}`);
  }
  const decisionsPerSecond = rate((round) => {
    // One denial in twenty: a denial says why, which costs more.
    const question = questions[round % 20 === 0 ? 2 : round % 2] as (typeof questions)[number];
    const access = accesses[round % accesses.length] as Access;
    decideRequest(access, question, surroundings);
  });
  const accessesPerSecond = rate((round) => {
    const [principal, at] = who[round % who.length] as [Principal, string];
    engine.access(principal, at, now);
  });
  return { rules, decisionsPerSecond, accessesPerSecond, engineMs };
}

const results = RULES.map(measure);
if (process.argv.includes('--json')) {
  console.log(JSON.stringify({ node: process.version, results }, null, 2));
} else {
  console.log('  rules   decisions/s    accesses/s   engine built in');
  for (const { rules, decisionsPerSecond, accessesPerSecond, engineMs } of results) {
    const numbers = [decisionsPerSecond, accessesPerSecond].map((value) =>
      value.toLocaleString('en').padStart(13),
    );
    console.log(`${String(rules).padStart(7)} ${numbers.join(' ')}   ${engineMs} ms`);
  }
}
