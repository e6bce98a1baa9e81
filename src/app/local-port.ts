// SPDX-License-Identifier: Apache-2.0
import { createServer, type Server, type Socket } from 'node:net';
import { LoginChannel } from '../gateway/mysql/login-channel.ts';
import { offeredCapabilities } from '../gateway/mysql/negotiation.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText, toPosternError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Secret } from '../model/secret.ts';
import { Pump } from '../net/pump.ts';
import { loginMysql, type MysqlLogin } from '../target/mysql/login.ts';
import { probeGreeting } from '../target/mysql/session.ts';
import { encodeErr } from '../wire/mysql/err.ts';
import { encodeHandshake, type Handshake } from '../wire/mysql/handshake.ts';
import { decodeHandshakeResponse } from '../wire/mysql/handshake-response.ts';
import { encodePlainOk } from '../wire/mysql/ok.ts';

export interface LocalPortOptions {
  readonly port: number;
  /** Where the gateway listens, and how it proves who it is. */
  readonly gateway: Pick<MysqlLogin, 'targetName' | 'endpoint' | 'tls'>;
  /** Asked for at every connection, so that a renewed token is used at once. */
  readonly token: () => Promise<Secret>;
  readonly clock: Clock;
  readonly log: Log;
  readonly deadlineMs: number;
}

export interface LocalPort {
  readonly port: number;
  /** Ends the connections as well. */
  close(): void;
}

/** What the gateway sees as the user name; it does not look at it. */
const USER = 'postern';

/**
 * A port on loopback that any stock client can use without a password: each connection is logged in
 * at the gateway with the caller's token. Whoever can reach the port acts as the caller, as with
 * any tunnel; it is bound to 127.0.0.1 only. Rejects when the gateway cannot be reached
 * (`api-unreachable`, `tls-failed`) or refuses the first login (`api-refused`).
 */
export async function openLocalPort(options: LocalPortOptions): Promise<LocalPort> {
  const greeting = await probeGreeting({
    ...options.gateway,
    user: USER,
    password: await options.token(),
    deadlineMs: options.deadlineMs,
    allowClearPassword: true,
  }).catch((thrown: unknown) => {
    throw gatewayFault(thrown);
  });
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (socket) => {
    open.add(socket);
    socket.once('close', () => open.delete(socket));
    socket.on('error', () => socket.destroy());
    serve(socket, greeting, options).catch((thrown: unknown) => {
      options.log.warn('a local connection failed', { problem: problemText(thrown) });
      socket.destroy();
    });
  });
  const port = await listen(server, options.port);
  const close = () => {
    server.close();
    for (const socket of open) socket.destroy();
  };
  return { port, close };
}

/** To this side the gateway is what a target is to the gateway: the words are put right. */
function gatewayFault(thrown: unknown): PosternError {
  const error = toPosternError(thrown);
  const { endpoint, errno, problem } = error.facts;
  if (error.code === 'target-unreachable') {
    const facts = { address: endpoint ?? '', problem: problem ?? '', hint: REACH_HINT };
    return new PosternError('api-unreachable', facts, thrown);
  }
  if (error.code === 'tls-failed') {
    return new PosternError('tls-failed', { ...error.facts, hint: TLS_HINT }, thrown);
  }
  if (error.code !== 'target-refused') return error;
  // `Postern: Access denied: WHY [REASON]. Decision ID: postern explain ID (error 1045)`
  const told = String(problem)
    .replace(/^Postern: /, '')
    .replace(/ \(error \d+\)$/, '')
    .replace(/\. Decision (\S+): postern explain \S+$/, ' (decision $1)');
  const hint = errno === 1045 && { hint: TOKEN_HINT };
  return new PosternError('api-refused', { problem: told, ...hint }, thrown);
}

const REACH_HINT = '--gateway is the address of its listener for this target.';
const TLS_HINT =
  '--ca must hold the root of the certificate of the gateway, --server-name a name in it.';
const TOKEN_HINT = 'postern whoami tells what your token says and whether it is accepted.';

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) => {
      const address = `127.0.0.1:${port}`;
      reject(new PosternError('listen-failed', { address, problem: problemText(cause) }, cause));
    });
    server.listen(port, '127.0.0.1', () => {
      const bound = server.address();
      resolve(bound !== null && typeof bound === 'object' ? bound.port : port);
    });
  });
}

async function serve(
  socket: Socket,
  greeting: Handshake,
  options: LocalPortOptions,
): Promise<void> {
  const channel = new LoginChannel(socket, options.clock, options.deadlineMs);
  channel.write(
    encodeHandshake({
      ...greeting,
      capabilities: offeredCapabilities(greeting.capabilities),
      authPlugin: 'mysql_native_password',
    }),
  );
  const { payload } = await channel.read('local login');
  const response = decodeHandshakeResponse(payload);
  try {
    const upstream = await loginMysql({
      ...options.gateway,
      user: USER,
      password: await options.token(),
      ...(response.database && { database: response.database }),
      capabilities: response.capabilities,
      trackOnlyIfWanted: true,
      charset: response.charset,
      attributes: response.attributes,
      deadlineMs: options.deadlineMs,
      allowClearPassword: true,
    });
    channel.write(encodePlainOk(upstream.status, response.capabilities));
    const released = channel.release();
    if (!released) {
      upstream.socket.destroy();
      return;
    }
    const { socket: local, early } = released;
    join(local, upstream.socket);
    if (early.length > 0) upstream.socket.write(early);
    if (upstream.pending.length > 0) local.write(upstream.pending);
    local.resume();
    upstream.socket.resume();
  } catch (thrown) {
    const { message } = gatewayFault(thrown);
    channel.write(encodeErr({ errno: 1045, sqlState: '28000', message }));
    channel.socket.end();
  }
}

/** Bytes both ways until either side ends. */
function join(local: Socket, remote: Socket): void {
  for (const [from, to] of [
    [local, remote],
    [remote, local],
  ] as const) {
    const pump = new Pump(from, to);
    from.on('data', (chunk: Buffer) => pump.send(chunk));
    from.on('end', () => to.end());
    from.on('error', () => to.destroy());
    from.on('close', () => to.end());
  }
}
