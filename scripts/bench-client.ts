// SPDX-License-Identifier: Apache-2.0
// What sysbench cannot do: one large answer, one large statement, logins, idle sessions.
import { execFile } from 'node:child_process';
import type { Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Secret } from '../src/model/secret.ts';
import { loginMysql, type MysqlUpstream } from '../src/target/mysql/login.ts';
import { CLIENT_DEPRECATE_EOF } from '../src/wire/mysql/capabilities.ts';
import { encodeComQuery } from '../src/wire/mysql/com-query.ts';
import { frame } from '../src/wire/mysql/framing.ts';
import { ResponseWalker } from '../src/wire/mysql/response-walker.ts';
import { type Route, tlsOf } from './bench-place.ts';
import { residentBytes } from './process-tree.ts';

const MIB = 1 << 20;
const ROW_BYTES = 1_000;
const LOGIN_LIMIT_MS = 10_000;

export function login(route: Route, password = route.password): Promise<MysqlUpstream> {
  return loginMysql({
    targetName: route.name,
    endpoint: { host: '127.0.0.1', port: route.port },
    tls: tlsOf(route),
    user: route.user,
    password: new Secret(password),
    database: 'bench',
    capabilities: CLIENT_DEPRECATE_EOF,
    charset: 45,
    attributes: {},
    deadlineMs: LOGIN_LIMIT_MS,
    allowClearPassword: route.caPem !== undefined,
    trackOnlyIfWanted: true,
  });
}

export interface Transfer {
  readonly mibPerSecond: number;
  /** How much the process in the middle grew at most meanwhile. */
  readonly grownMib?: number;
}

/** Reads rows of 1,000 bytes and throws them away, as fast as they come. */
export async function readLarge(route: Route, bytes: number): Promise<Transfer> {
  const rows = Math.round(bytes / ROW_BYTES);
  const sql = `SELECT REPEAT('x', ${ROW_BYTES}) FROM seq_1_to_${rows}`;
  return transfer(route, sql, bytes, (walker) => walker.rows === rows);
}

/** Sends one statement of so many bytes. */
export async function writeLarge(route: Route, bytes: number): Promise<Transfer> {
  const head = "SELECT LENGTH('";
  const sql = `${head}${'x'.repeat(bytes - head.length - 2)}')`;
  return transfer(route, sql, bytes, (walker) => walker.rows === 1);
}

async function transfer(
  route: Route,
  sql: string,
  bytes: number,
  good: (walker: ResponseWalker) => boolean,
): Promise<Transfer> {
  const { socket, capabilities } = await login(route);
  const framed = frame(encodeComQuery({ statement: Buffer.from(sql), attributes: [] }, 0n), 0);
  const before = route.proxy === undefined ? 0 : residentBytes(route.proxy);
  let most = before;
  const watch = setInterval(() => {
    if (route.proxy !== undefined) most = Math.max(most, residentBytes(route.proxy));
  }, 100);
  const started = performance.now();
  const walker = new ResponseWalker(
    {
      deprecateEof: (capabilities & CLIENT_DEPRECATE_EOF) !== 0n,
      sessionTrack: false,
      cacheMetadata: false,
    },
    { sessionState: () => undefined },
  );
  walker.begin('query', Math.floor((framed.length - 1) / 0x1000003) + 1);
  const done = answered(socket, walker);
  socket.write(framed);
  await done.finally(() => clearInterval(watch));
  const seconds = (performance.now() - started) / 1_000;
  socket.destroy();
  if (!good(walker)) throw new Error(`${route.name}: error ${walker.errno}, ${walker.rows} rows`);
  return {
    mibPerSecond: bytes / MIB / seconds,
    ...(route.proxy !== undefined && { grownMib: (most - before) / MIB }),
  };
}

function answered(socket: Socket, walker: ResponseWalker): Promise<void> {
  return new Promise((resolve, reject) => {
    let held: Buffer | undefined;
    socket.on('data', (arrived: Buffer) => {
      const chunk = held ? Buffer.concat([held, arrived]) : arrived;
      held = undefined;
      const result = walker.walk(chunk, 0);
      if (result === 'ended') resolve();
      else if (walker.position < chunk.length) held = chunk.subarray(walker.position);
    });
    socket.on('close', () => reject(new Error('the connection ended within an answer')));
    socket.resume();
  });
}

/** Logins one after the other, each a session that ends at once; per second. */
export async function connects(route: Route, passwords: Iterable<string>, forMs: number) {
  const end = performance.now() + forMs;
  let busyMs = 0;
  let count = 0;
  for (const password of passwords) {
    const started = performance.now();
    if (started > end) break;
    const { socket } = await login(route, password);
    busyMs += performance.now() - started;
    count += 1;
    socket.destroy();
    // The other side takes note before the next one, as it would with a pool that fills.
    await new Promise((resolve) => setImmediate(resolve));
  }
  return count / (busyMs / 1_000);
}

/** KiB that a session of `route` takes while it is idle. */
export async function idleKib(route: Route, sessions: number): Promise<number> {
  const { proxy } = route;
  if (proxy === undefined) return Number.NaN;
  const open: Socket[] = [];
  const hold = async (count: number) => {
    for (let index = 0; index < count; index += 1) open.push((await login(route)).socket);
  };
  try {
    // What is made once, at the first sessions, belongs to none of them.
    await hold(Math.ceil(sessions / 10));
    const before = await settledBytes(proxy);
    await hold(sessions);
    return ((await settledBytes(proxy)) - before) / 1024 / sessions;
  } finally {
    for (const socket of open) socket.destroy();
  }
}

/**
 * The same for a program that only holds the two sockets, with TLS where a certificate and key are
 * given: what Node takes in any case.
 */
export async function bareSocketKib(
  sessions: number,
  certificate: readonly string[] = [],
): Promise<number> {
  const program = fileURLToPath(new URL('./bench-bare-sockets.js', import.meta.url));
  const child = [program, `${sessions}`, ...certificate];
  const { stdout } = await promisify(execFile)(process.execPath, child);
  return Number(stdout);
}

async function settledBytes(pid: number): Promise<number> {
  let last = Number.POSITIVE_INFINITY;
  for (let look = 0; look < 10; look += 1) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const now = residentBytes(pid);
    if (now >= last) return last;
    last = now;
  }
  return last;
}
