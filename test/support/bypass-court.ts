// SPDX-License-Identifier: Apache-2.0
import { deepEqual, ok } from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { type Clock, systemClock } from '../../src/model/clock.ts';
import { COM } from '../../src/wire/mysql/commands.ts';
import { type BypassAttempt, MARKER } from '../corpus/bypass.ts';
import { command, execution, RawPeer } from './raw-peer.ts';

/** Rights on a few things of `shop`. */
export const ATTACKER_POLICY = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: order-reader, namespace: data}
spec:
  privileges:
    - {tables: [shop.orders, shop.tricky], actions: [select]}
    - {routines: [shop.sneaky, shop.sneaky_function], actions: [execute]}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: attacker, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [evil/attacker]}}]
  targetSelector: {matchLabels: {app: orders}}
  role: order-reader
`;

/**
 * The broker looks every 10 s for rights beyond the declaration and stops lending: that is another
 * protection, and it would end this test, so its time never comes.
 */
export const withoutHeartbeat: Clock = {
  now: () => systemClock.now(),
  monotonic: () => systemClock.monotonic(),
  after: (delayMs, run) => systemClock.after(delayMs === 10_000 ? 3_600_000 : delayMs, run),
};

/** Lack of a right, in the servers' words. */
const PRIVILEGE_ERROR =
  /denied to user|command denied|Access denied|need \(at least one of\) the|references invalid table/;

/**
 * Names of things are no data: which schemas and tables an account may see, and be in, is the
 * server's affair (docs/limitations.md); what it reads there is decided. Whose COM_CHANGE_USER that
 * of `anybody` is, only the gateway knows.
 */
const LEFT_TO_THE_SERVER = /^\W*(USE |SHOW TABLES |VAULT|ANYBODY)/i;
/** MySQL wants one of several rights for a lock; who only selects gets no more than the rows. */
const LOCKING = /SELECT with locking clause command denied/;
const BATCH = 25;

type Step = string | Buffer | readonly Buffer[];
interface Done {
  readonly step: Step;
  readonly answer: Buffer;
}

interface CourtOptions {
  /** Plain ports: the gateway's, and the server's own. */
  readonly gatewayPort: number;
  readonly serverPort: number;
  /** An account of the server with exactly the rights that the principal has. */
  readonly judge: { readonly user: string; readonly password?: string };
  /** What of the server an attacker could have changed. */
  readonly serverState: () => Promise<unknown>;
}

/** Judges attempts by what the server really did, and by what it does for an honest account. */
export class BypassCourt {
  readonly #options: CourtOptions;
  readonly #suspects: string[] = [];
  #untouched: unknown;

  constructor(options: CourtOptions) {
    this.#options = options;
  }

  /** From here on nothing may change. */
  async begin(): Promise<void> {
    this.#untouched = await this.#options.serverState();
  }

  /** As a text, in the modes that it assumes. */
  judgeAttempt(attempt: BypassAttempt): Promise<void> {
    return this.judge(attempt.note, [...modeSteps(attempt), attempt.sql]);
  }

  /** The same as a prepared statement. */
  judgePrepared(attempt: BypassAttempt): Promise<void> {
    const prepared = [
      command(COM.COM_STMT_PREPARE, attempt.sql),
      execution(0xffff_ffff),
      execution(1),
    ];
    return this.judge(`${attempt.note}, prepared`, [...modeSteps(attempt), prepared]);
  }

  /** Runs the steps on a new session; ends early when the other side ends it. */
  async run(
    steps: readonly Step[],
    login: Parameters<typeof RawPeer.connect>[1] = {},
    port = this.#options.gatewayPort,
  ): Promise<Done[]> {
    const done: Done[] = [];
    const peer = await RawPeer.connect(port, login);
    for (const step of steps) {
      const packets = isPackets(step) ? step : [command(COM.COM_QUERY, step)];
      done.push({ step, answer: await peer.send(packets) });
      if (peer.closed) break;
    }
    peer.end();
    return done;
  }

  async judge(note: string, steps: readonly Step[], charset?: number): Promise<void> {
    const { judge, serverPort } = this.#options;
    const login = charset === undefined ? {} : { charset };
    const done = await this.run(steps, login);
    for (const { answer } of done) {
      ok(!answer.includes(MARKER), `${note}: the marker came back`);
    }
    this.#suspects.push(note);
    if (this.#suspects.length >= BATCH) await this.checkUntouched();
    // What was allowed must be allowed to an account with exactly these rights, too.
    const allowed = done.filter(({ answer }) => !answer.includes('Postern: '));
    if (allowed.length === 0) return;
    const same = await this.run(
      allowed.map(({ step }) => step),
      { ...login, ...judge },
      serverPort,
    );
    for (const { step, answer } of same) {
      const text = answer.toString('latin1');
      const shown = isPackets(step) ? Buffer.concat(step).toString('latin1') : String(step);
      if (LEFT_TO_THE_SERVER.test(shown) || LOCKING.test(text)) continue;
      ok(
        !PRIVILEGE_ERROR.test(text),
        `${note}: allowed ${shown.slice(0, 300)}: ${text.slice(0, 300)}`,
      );
    }
  }

  /** Looking is slow, so several attempts share it. */
  async checkUntouched(): Promise<void> {
    const suspects = this.#suspects.join(' | ');
    deepEqual(await this.#options.serverState(), this.#untouched, `changed by one of: ${suspects}`);
    ok(!existsSync('/tmp/postern-bypass'), `a file was written by one of: ${suspects}`);
    this.#suspects.length = 0;
  }
}

function isPackets(step: string | Buffer | readonly Buffer[]): step is readonly Buffer[] {
  return Array.isArray(step);
}

/** Brings the session into the modes that an attempt assumes. */
function modeSteps({ mode }: BypassAttempt): string[] {
  if (!mode) return [];
  const names = [
    mode.ansiQuotes && 'ANSI_QUOTES',
    mode.noBackslashEscapes && 'NO_BACKSLASH_ESCAPES',
    mode.ignoreSpace && 'IGNORE_SPACE',
    mode.oracle && 'ORACLE',
  ].filter(Boolean);
  return [
    ...(names.length > 0 ? [`SET SESSION sql_mode = '${names.join(',')}'`] : []),
    ...(mode.charset !== undefined ? [`SET NAMES ${mode.charset}`] : []),
  ];
}
