// SPDX-License-Identifier: Apache-2.0
// The load of scripts/soak.ts, in a process of its own: it must not slow the one that judges.
import { readFileSync } from 'node:fs';
import { connect as connectTls } from 'node:tls';
import { type Connection, createConnection } from 'mysql2/promise';

/** The connections of one workload. */
export interface SoakPrincipal {
  readonly id: string;
  readonly certificate: { readonly chainPem: string; readonly keyPem: string };
  readonly connections: number;
  /** Between two requests of a connection; 0 for one after the other. */
  readonly pauseMs: number;
  /** Its Grant comes and goes: each of its requests is reported, for the judge to match. */
  readonly revoked: boolean;
}

export interface SoakPlan {
  readonly port: number;
  readonly caPem: string;
  readonly principals: readonly SoakPrincipal[];
}

/** What this process tells its parent. */
export type SoakReport =
  | { readonly kind: 'connected'; readonly connections: number }
  | { readonly kind: 'tally'; readonly done: number; readonly denied: number }
  | { readonly kind: 'wrong'; readonly principal: string; readonly problem: string }
  | {
      readonly kind: 'request';
      readonly principal: string;
      readonly from: number;
      readonly to: number;
      readonly problem?: string;
    };

/** A request that takes longer counts as failed. */
const REQUEST_LIMIT_MS = 15_000;
const SERVER_NAME = 'outbound_.3306_._.orders-db.data.svc.cluster.local';
/** Every so often a statement that must be denied. */
const FORBIDDEN_EVERY = 25;

const tally = { done: 0, denied: 0 };
let stopping = false;

function report(one: SoakReport): void {
  process.send?.(one);
}

function open(plan: SoakPlan, principal: SoakPrincipal): Promise<Connection> {
  const stream = connectTls({
    host: '127.0.0.1',
    port: plan.port,
    servername: SERVER_NAME,
    ALPNProtocols: ['istio'],
    cert: principal.certificate.chainPem,
    key: principal.certificate.keyPem,
    ca: plan.caPem,
    checkServerIdentity: () => undefined,
  });
  stream.setNoDelay();
  const connectTimeout = REQUEST_LIMIT_MS;
  return createConnection({ stream, user: 'soak', database: 'shop', connectTimeout });
}

/** Resolves with undefined when all was as it must be, else with what was not. */
async function request(connection: Connection, turn: number): Promise<string | undefined> {
  if (turn % FORBIDDEN_EVERY === FORBIDDEN_EVERY - 1) {
    const answer = await connection
      .query('SELECT secret FROM secrets')
      .catch((thrown: Error & { errno?: number }) => thrown);
    if (!(answer instanceof Error))
      return 'FORBIDDEN: a statement that must be denied was answered';
    if (!/Postern/i.test(answer.message)) throw answer;
    tally.denied += 1;
    return undefined;
  }
  const id = 1 + (turn % 3);
  const [rows] = await connection.query('SELECT id, note FROM orders WHERE id = ?', [id]);
  const [row] = rows as { id: number }[];
  return row?.id === id ? undefined : `WRONG ROWS: asked for ${id}, got ${JSON.stringify(rows)}`;
}

function limited<T>(work: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), REQUEST_LIMIT_MS);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

/** One connection for ever: it connects again whenever it was lost. */
async function drive(plan: SoakPlan, principal: SoakPrincipal, connected: () => void) {
  let connection: Connection | undefined;
  for (let turn = Math.floor(Math.random() * FORBIDDEN_EVERY); !stopping; turn += 1) {
    const from = Date.now();
    let problem: string | undefined;
    try {
      if (!connection) {
        connection = await limited(open(plan, principal));
        // A connection that ends while idle says so here; the next request finds out as well.
        connection.on('error', () => undefined);
        connected();
      }
      problem = await limited(request(connection, turn));
    } catch (thrown) {
      problem = thrown instanceof Error ? thrown.message : String(thrown);
      connection?.destroy();
      connection = undefined;
    }
    if (stopping) break;
    tally.done += problem === undefined ? 1 : 0;
    const { id, revoked, pauseMs } = principal;
    const always = problem?.startsWith('FORBIDDEN') || problem?.startsWith('WRONG ROWS');
    if (problem !== undefined && (always || !revoked)) {
      report({ kind: 'wrong', principal: id, problem });
    }
    if (revoked) {
      const to = Date.now();
      report({ kind: 'request', principal: id, from, to, ...(problem && { problem }) });
    }
    const rest = problem === undefined ? pauseMs * (0.5 + Math.random()) : 500;
    if (rest > 0) await new Promise((resolve) => setTimeout(resolve, rest));
  }
  connection?.destroy();
}

async function main(planFile: string): Promise<void> {
  const plan: SoakPlan = JSON.parse(readFileSync(planFile, 'utf8'));
  let [started, connections] = [0, 0];
  setInterval(() => {
    report({ kind: 'tally', ...tally });
    report({ kind: 'connected', connections });
  }, 1_000);
  process.on('message', (message) => {
    if (message !== 'stop') return;
    stopping = true;
    report({ kind: 'tally', ...tally });
    // What is under way may end; those that rest need not be waited for.
    setTimeout(() => process.exit(0), 1_000);
  });
  process.on('disconnect', () => process.exit(1));
  for (const principal of plan.principals) {
    for (let index = 0; index < principal.connections; index += 1) {
      let first = true;
      const seen = () => {
        if (first) connections += 1;
        first = false;
      };
      void drive(plan, principal, seen);
      started += 1;
      // Two thousand handshakes at once would measure the handshake.
      if (started % 20 === 0) await new Promise((resolve) => setTimeout(resolve, 100));
    }
  }
}

await main(process.argv[2] ?? '');
