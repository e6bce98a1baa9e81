// SPDX-License-Identifier: Apache-2.0
/**
 * What one statement costs the gateway itself, in microseconds of CPU: understood, decided, recorded,
 * followed to the end of its answer; without sockets and without a disk, which the runtime and the
 * kernel pay for. Usage: node dist/scripts/bench-statement.js [rounds]
 */
import { EventEmitter } from 'node:events';
import { createMetrics } from '../src/app/metrics.ts';
import type { Disk } from '../src/audit/disk.ts';
import { FileLog } from '../src/audit/file-log.ts';
import { HashKeys } from '../src/audit/hash-key.ts';
import { Identifiers } from '../src/gateway/identifiers.ts';
import { BufferBudget } from '../src/gateway/limits.ts';
import { Session } from '../src/gateway/live-session.ts';
import { MysqlRelay } from '../src/gateway/mysql/relay.ts';
import type { RelayOptions } from '../src/gateway/mysql/running.ts';
import { SessionState, TRACKED_VARIABLES } from '../src/gateway/mysql/session-state.ts';
import { StatementCache } from '../src/gateway/mysql/statements.ts';
import type { GatewayParts } from '../src/gateway/parts.ts';
import { systemClock } from '../src/model/clock.ts';
import { silentLog } from '../src/model/log.ts';
import { type Access, DecisionEngine } from '../src/policy/decide.ts';
import { CLIENT_DEPRECATE_EOF, CLIENT_SESSION_TRACK } from '../src/wire/mysql/capabilities.ts';
import { encodeColumnCount } from '../src/wire/mysql/column-count.ts';
import { encodeColumnDefinition } from '../src/wire/mysql/column-definition.ts';
import { encodeComQuery } from '../src/wire/mysql/com-query.ts';
import { frame } from '../src/wire/mysql/framing.ts';
import { encodeOk, OK_AS_EOF_HEADER } from '../src/wire/mysql/ok.ts';
import { encodeTextRow } from '../src/wire/mysql/result-row.ts';
import { account, grant, ORDERS, policy, role, target, workload } from '../test/support/policy.ts';

const SESSIONS = 8;
const TEXTS = 2_000;
/** Statements before it counts, and in a round. */
const WARM_UP = 60_000;
const ROUND = 2_000;
const rounds = Number(process.argv[2] ?? 100);

/** Takes what is written and says what it is made to say; nothing else of a socket. */
class Peer extends EventEmitter {
  destroyed = false;
  readableEnded = false;
  written: Buffer | undefined;
  write(bytes: Buffer): boolean {
    this.written = bytes;
    return true;
  }
  pause(): void {}
  resume(): void {}
  isPaused(): boolean {
    return false;
  }
  end(): void {}
  destroy(): void {}
}

const nothing = () => undefined;
const declared = target(ORDERS);
const own = role('data/reader', ['select bench.*']);
const engine = new DecisionEngine(
  policy({
    targets: [declared],
    roles: [own],
    grants: [grant('bench', own.id, [account('prod/bench/app')])],
  }),
);
const principal = workload('prod/bench/app');
const access = engine.access(principal, ORDERS, Date.now()) as Access;
/** Takes everything and keeps nothing. */
const disk: Disk = {
  create: () => 0,
  open: () => 0,
  write: (_file: number, bytes: Uint8Array, offset: number) => bytes.length - offset,
  truncate: nothing,
  sync: () => Promise.resolve(),
  syncNow: nothing,
  close: nothing,
  available: () => Number.MAX_SAFE_INTEGER,
};
const audit = new FileLog(
  {
    directory: '/nowhere',
    stream: 'bench.1.20270101T000000000Z-00000000',
    reservePath: '/nowhere/reserve',
    reserveBytes: 0,
    segmentBytes: Number.MAX_SAFE_INTEGER,
    segmentAgeMs: 86_400_000,
    disk,
    clock: systemClock,
    log: silentLog,
    durable: nothing,
  },
  { event: 'gateway', what: 'started', detail: 'bench' },
);
const { meter } = createMetrics({
  sessionsByTarget: () => new Map(),
  bufferedBytes: () => 0,
  auditAccepting: () => true,
});
const parts = {
  clock: systemClock,
  log: silentLog,
  meter,
  audit,
  ids: new Identifiers(),
  buffers: new BufferBudget(1 << 26),
  limits: { requestBytes: 1 << 26, targetTimeout: 1_000 },
  engine,
} as unknown as GatewayParts;
const statements = new StatementCache(declared, 20_000, new HashKeys([], Buffer.alloc(32)));

const capabilities = CLIENT_DEPRECATE_EOF | CLIENT_SESSION_TRACK;
const names = {
  schema: 'bench',
  table: 'sbtest1',
  originalTable: 'sbtest1',
  name: 'c',
  originalName: 'c',
};
const column = { ...names, charset: 45, columnLength: 480, type: 254, flags: 0, decimals: 0 };
const answer = Buffer.concat(
  [
    encodeColumnCount({ columns: 1, metadataFollows: true }, 0n),
    encodeColumnDefinition(column, 0n),
    encodeTextRow([Buffer.alloc(119, 0x61)]),
    encodeOk(
      {
        header: OK_AS_EOF_HEADER,
        affectedRows: 0,
        lastInsertId: 0n,
        status: 2,
        warnings: 0,
        info: '',
        changes: [],
      },
      CLIENT_SESSION_TRACK,
    ),
  ].map((payload, index) => frame(payload, index + 1)),
);
const commands = Array.from({ length: TEXTS }, (_, index) =>
  frame(
    encodeComQuery(
      { statement: Buffer.from(`SELECT c FROM sbtest1 WHERE id=${4000 + index}`), attributes: [] },
      0n,
    ),
    0,
  ),
);

function open(index: number): { down: Peer; up: Peer } {
  const down = new Peer();
  const up = new Peer();
  const session = new Session({
    ...{ id: `s1x9k2m4q7ab-${index}`, closingId: 'd-0', principal, target: declared, access },
    ...{ source: '127.0.0.1:51234', downstreamConnection: 1, now: Date.now(), monotonic: 0 },
  } as unknown as ConstructorParameters<typeof Session>[0]);
  const state = new SessionState(true);
  state.learn([
    '',
    'utf8mb4',
    Buffer.from('bench').toString('hex'),
    TRACKED_VARIABLES.join(','),
    '1',
  ]);
  state.status(2);
  const relay = new MysqlRelay({
    ...{ parts, session, state, statements },
    downstream: { socket: down, early: Buffer.alloc(0), capabilities, settled: true },
    upstream: { socket: up, pending: Buffer.alloc(0), capabilities },
    cancel: () => new Promise(nothing),
  } as unknown as RelayOptions);
  void relay.run();
  return { down, up };
}

const turn = () => new Promise((resolve) => setImmediate(resolve));
const sessions = Array.from({ length: SESSIONS }, (_, index) => open(index + 1));
let next = 0;

async function batch(): Promise<void> {
  for (const { down } of sessions) {
    const command = commands[next++ % TEXTS] as Buffer;
    down.emit('data', command);
  }
  await turn();
  for (const { up } of sessions) {
    if (!up.written) throw new Error('nothing was forwarded');
    up.written = undefined;
    up.emit('data', answer);
  }
  await turn();
  for (const { down } of sessions) {
    if (!down.written) throw new Error('nothing was answered');
    down.written = undefined;
  }
}

const figures: number[] = [];
for (let round = 0; round <= rounds; round++) {
  const before = process.cpuUsage();
  const count = round === 0 ? WARM_UP : ROUND;
  for (let done = 0; done < count; done += SESSIONS) await batch();
  const { user, system } = process.cpuUsage(before);
  if (round > 0) figures.push((user + system) / count);
}
figures.sort((a, b) => a - b);
const [best = Number.NaN] = figures;
const median = figures[figures.length >> 1] ?? Number.NaN;
process.stdout.write(`a statement: ${median.toFixed(2)} us, at best ${best.toFixed(2)} us\n`);
process.exit(0);
