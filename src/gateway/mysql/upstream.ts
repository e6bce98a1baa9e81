// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import type { Lease } from '../../model/lease.ts';
import type { MysqlLogin, MysqlUpstream } from '../../target/mysql/login.ts';
import { loginMysql } from '../../target/mysql/login.ts';
import { CLIENT_DEPRECATE_EOF, hasCapability } from '../../wire/mysql/capabilities.ts';
import { COM } from '../../wire/mysql/commands.ts';
import type { UpstreamPayload } from '../../wire/mysql/payload.ts';
import {
  type InternalAnswer,
  InternalExchange,
  internalCommand,
  internalQuery,
} from './internal-exchange.ts';
import { LOGIN_SQL, type LoginNames, loginNames } from './login-names.ts';
import { type SessionState, STATE_SQL, TRACK_SQL } from './session-state.ts';

/** How a target is reached, without who logs in. */
export type UpstreamRoute = Omit<
  MysqlLogin,
  'user' | 'password' | 'capabilities' | 'charset' | 'attributes' | 'database'
>;

const NO_SUCH_THREAD = 1094;

/**
 * `SET ROLE` with the names quoted: backticks doubled, so a name cannot end its own quotes. MySQL
 * activates several roles, with commas between them; no name of a role has one.
 */
export function setRoleSql(roles: string): string {
  const names = roles.split(',').map((name) => `\`${name.replaceAll('`', '``')}\``);
  return `/*postern*/ SET ROLE ${names.join(', ')}`;
}

/**
 * What makes a fresh or reset upstream connection fit for its principal: the lease's role, tracking
 * of everything that changes the lexer mode, the default schema, and the state as it is now.
 */
export function preparation(lease: Lease, schema: string | undefined): UpstreamPayload[] {
  return [
    internalQuery(setRoleSql(lease.role)),
    internalQuery(TRACK_SQL),
    ...schemaAndState(schema),
  ];
}

/** The default schema and the state, to be read with `concludePreparation`. */
export function schemaAndState(schema: string | undefined): UpstreamPayload[] {
  const named = schema ? [internalCommand(COM.COM_INIT_DB, schema)] : [];
  return [...named, internalQuery(STATE_SQL)];
}

/** Reads the answers to `preparation` into the state; throws `target-error` at the first refusal. */
export function concludePreparation(
  exchange: InternalExchange,
  state: SessionState,
  target: string,
): void {
  for (const answer of exchange.answers) {
    if (answer.ok) continue;
    throw new PosternError('target-error', {
      target,
      errno: answer.errno,
      problem: answer.problem,
    });
  }
  const last = exchange.answers.at(-1);
  if (!last?.ok || !last.row) {
    throw new PosternError('target-unsupported', { target, problem: 'no session state' });
  }
  state.learn(last.row);
}

/**
 * Logs in with the lease and prepares the connection; all within the route's deadline each. `names`
 * are there when the connection may serve another session after a reset.
 */
export async function connectUpstream(
  route: UpstreamRoute,
  lease: Lease,
  wish: Pick<MysqlLogin, 'capabilities' | 'charset' | 'attributes'> & {
    readonly schema?: string;
    readonly mayBeKept: boolean;
  },
  state: SessionState,
): Promise<{ readonly upstream: MysqlUpstream; readonly names?: LoginNames }> {
  const { schema, mayBeKept, ...login } = wish;
  const upstream = await loginMysql({
    ...route,
    ...login,
    user: lease.account,
    password: lease.password,
  });
  try {
    const asked = mayBeKept ? [internalQuery(LOGIN_SQL)] : [];
    const answers = await prepare(
      upstream,
      [...asked, ...preparation(lease, schema)],
      state,
      route,
      route.deadlineMs,
    );
    const [first] = answers;
    const names = mayBeKept && first?.ok && first.row ? loginNames(first.row) : undefined;
    return { upstream, ...(names && { names }) };
  } catch (thrown) {
    upstream.socket.destroy();
    throw thrown;
  }
}

/** A target that does not answer a connection at rest so soon may answer a new login. */
const WAKE_MS = 1_000;

/**
 * Prepares a connection that was kept: the default schema and the state. False when it is not fit
 * for whatever reason, and closed: a login then tells what is wrong, if anything is.
 */
export async function wakeUpstream(
  upstream: MysqlUpstream,
  schema: string | undefined,
  state: SessionState,
  route: UpstreamRoute,
): Promise<boolean> {
  const limitMs = Math.min(WAKE_MS, route.deadlineMs);
  const fit = await prepare(upstream, schemaAndState(schema), state, route, limitMs).then(
    () => schema !== undefined || state.schema === undefined,
    () => false,
  );
  if (!fit) upstream.socket.destroy();
  return fit;
}

async function prepare(
  upstream: MysqlUpstream,
  commands: readonly UpstreamPayload[],
  state: SessionState,
  route: UpstreamRoute,
  limitMs: number,
): Promise<readonly InternalAnswer[]> {
  state.status(upstream.status);
  const exchange = new InternalExchange(
    commands.length,
    hasCapability(upstream.capabilities, CLIENT_DEPRECATE_EOF),
  );
  await exchangeOnce(upstream, exchange, commands, limitMs);
  concludePreparation(exchange, state, route.targetName);
  return exchange.answers;
}

/**
 * Ends what runs on `connectionId`: an account may always kill its own threads' queries. Rejects
 * with `target-error` when the target refuses; a thread that is gone (1094) has nothing to end.
 */
export async function killQuery(
  route: UpstreamRoute,
  lease: Lease,
  upstream: Pick<MysqlUpstream, 'connectionId' | 'capabilities'>,
): Promise<void> {
  const side = await loginMysql({
    ...route,
    user: lease.account,
    password: lease.password,
    capabilities: 0n,
    charset: 45,
    attributes: {},
  });
  try {
    const exchange = new InternalExchange(1, false);
    const kill = internalQuery(`/*postern*/ KILL QUERY ${upstream.connectionId}`);
    await exchangeOnce(side, exchange, [kill], route.deadlineMs);
    const [answer] = exchange.answers;
    if (answer?.ok === false && answer.errno !== NO_SUCH_THREAD) {
      const { errno, problem } = answer;
      throw new PosternError('target-error', { target: route.targetName, errno, problem });
    }
  } finally {
    side.socket.destroy();
  }
}

/** Sends commands of the gateway's own and reads their answers; the socket is paused afterwards. */
export function exchangeOnce(
  upstream: MysqlUpstream,
  exchange: InternalExchange,
  commands: readonly UpstreamPayload[],
  limitMs: number,
): Promise<void> {
  const { socket } = upstream;
  return new Promise<void>((resolve, reject) => {
    const timer = setTimeout(
      () => finish(new PosternError('timeout', { action: 'preparing the target', limitMs })),
      limitMs,
    );
    const onData = (chunk: Buffer) => {
      try {
        if (exchange.feed(chunk)) finish();
      } catch (thrown) {
        finish(thrown as Error);
      }
    };
    const onClose = () =>
      finish(new PosternError('peer-closed', { peer: 'target', state: 'being prepared' }));
    const finish = (problem?: Error) => {
      clearTimeout(timer);
      socket.pause();
      socket.off('data', onData);
      socket.off('close', onClose);
      socket.off('error', onClose);
      if (problem) reject(problem);
      else resolve();
    };
    socket.on('data', onData);
    socket.on('close', onClose);
    socket.on('error', onClose);
    socket.write(InternalExchange.encode(commands));
    socket.resume();
  });
}
