// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { IdentityResult } from '../../identity/result.ts';
import type { Denied } from '../../model/decision.ts';
import { PosternError, toPosternError } from '../../model/errors.ts';
import type { Target } from '../../policy/policy.ts';
import type { MysqlUpstream } from '../../target/mysql/login.ts';
import {
  type Capabilities,
  CLIENT_COMPRESS,
  CLIENT_SESSION_TRACK,
  hasCapability,
} from '../../wire/mysql/capabilities.ts';
import { encodeErr } from '../../wire/mysql/err.ts';
import type { Handshake } from '../../wire/mysql/handshake.ts';
import { encodePlainOk } from '../../wire/mysql/ok.ts';
import type { Session, SessionEnd } from '../live-session.ts';
import type { GatewayParts } from '../parts.ts';
import type { Door, Introduction } from '../session.ts';
import type { Destination } from '../target-resolution.ts';
import { acceptLogin, encodeDenial } from './accept.ts';
import { CompressedStream } from './compressed-stream.ts';
import { LoginChannel } from './login-channel.ts';
import {
  type Exceptions,
  offeredCapabilities,
  passedUpstream,
  RELAY_REQUIRED,
} from './negotiation.ts';
import { MysqlRelay } from './relay.ts';
import { SessionState } from './session-state.ts';
import type { StatementCache } from './statements.ts';
import { connectUpstream, killQuery, type UpstreamRoute, wakeUpstream } from './upstream.ts';
import type { TakenConnection, WarmConnection, WarmPool } from './warm-pool.ts';

/** What a listener knows about a target besides its declaration. */
export interface MysqlTargetParts {
  /** As the target greeted at the last good login; undefined before the first. */
  readonly greeting: () => Handshake | undefined;
  readonly route: () => UpstreamRoute;
  readonly statements: StatementCache;
}

export interface DoorOptions {
  readonly destination: Destination;
  /** `ip:port` of the peer. */
  readonly source: string;
  /** Name of the listener. */
  readonly listener: string;
  readonly secureContext?: SecureContext;
  readonly settled?: IdentityResult;
  readonly plain?: boolean;
  readonly target: (target: Target) => MysqlTargetParts;
  readonly warm: WarmPool;
}

/** ER_HANDSHAKE_ERROR. */
const BAD_HANDSHAKE = { errno: 1043, sqlState: '08S01' };

/** One MySQL connection towards a principal. */
export class MysqlDoor implements Door {
  readonly source: string;
  readonly destination: Destination;
  readonly downstreamConnection: number;
  readonly #parts: GatewayParts;
  readonly #options: DoorOptions;
  readonly #channel: LoginChannel;
  #wish: LoginWish | undefined;
  #upstream: DoorUpstream | undefined;
  #state: SessionState | undefined;
  #greeted = false;

  constructor(parts: GatewayParts, socket: Socket | TLSSocket, options: DoorOptions) {
    this.#parts = parts;
    this.#options = options;
    this.source = options.source;
    this.destination = options.destination;
    this.downstreamConnection = parts.ids.connection();
    this.#channel = new LoginChannel(socket, parts.clock, parts.limits.handshakeTimeout);
  }

  async identify(target: Target): Promise<Introduction> {
    const { listener, secureContext, settled, plain } = this.#options;
    const greeting = this.#options.target(target).greeting();
    if (!greeting) {
      const problem = 'its greeting is not known yet';
      throw new PosternError('target-unsupported', { target: target.id, problem });
    }
    this.#greeted = true;
    const offered = offeredCapabilities(greeting.capabilities);
    const login = acceptLogin(this.#channel, this.#parts, {
      serverVersion: greeting.serverVersion,
      charset: greeting.charset,
      connectionId: this.downstreamConnection,
      target: target.id,
      listener,
      offered,
      ...(secureContext && { secureContext }),
      ...(settled && { settled }),
      ...(plain && { plain }),
    });
    const { identity, response } = await login.catch((thrown: unknown) => {
      this.#tellFault(toPosternError(thrown));
      throw thrown;
    });
    this.#wish = {
      capabilities: response.capabilities & offered,
      charset: response.charset,
      schema: response.database || undefined,
    };
    const application = response.attributes['program_name'] ?? response.attributes['_client_name'];
    return { identity, attributes: response.attributes, ...(application && { application }) };
  }

  refuse(denial: Denied, id: string): void {
    // An ERR in place of the greeting is legal and tells a driver why (MySQL: "too many
    // connections" comes this way); without a settled target there is no greeting to give.
    this.#channel.write(encodeDenial(denial, id));
    this.#channel.socket.end();
  }

  async connectUpstream(session: Session, introduction: Introduction): Promise<number> {
    const { capabilities: wanted, charset, schema } = this.#known();
    const state = new SessionState(session.target.system.type === 'mariadb');
    const connection = await this.#upstreamFor(session, state, {
      capabilities: passedUpstream(wanted, exceptions(session)),
      charset,
      program: introduction.application ?? 'postern',
      schema,
    });
    const { upstream } = connection;
    const needed = (wanted & RELAY_REQUIRED) | CLIENT_SESSION_TRACK;
    const missing = needed & ~upstream.capabilities;
    if (missing !== 0n) {
      upstream.socket.destroy();
      throw new PosternError('target-unsupported', {
        target: session.target.id,
        problem: 'it offers less than at the last login; the gateway learns again',
      });
    }
    this.#upstream = connection;
    this.#state = state;
    return upstream.connectionId;
  }

  /** One that was kept for this lease when there is one that fits, else a login. */
  async #upstreamFor(
    session: Session,
    state: SessionState,
    wish: UpstreamWish,
  ): Promise<DoorUpstream> {
    const { warm } = this.#options;
    const { schema, capabilities, charset } = wish;
    const route = this.#options.target(session.target).route();
    const { principal, target, lentFor, lease } = session;
    // A caller that states its trace gets a connection of its own, whose attributes tell it.
    const mayBeKept =
      warm.enabled && session.traceparent === undefined && target.system.type === 'mariadb';
    const key = mayBeKept ? warmKey(session, wish) : undefined;
    const kept = key === undefined ? undefined : warm.take(key, schema);
    if (kept && (await this.#wake(kept, schema, state, route))) {
      this.#parts.meter.upstreamTaken(target.id, 'kept');
      return { ...kept.connection, schema };
    }
    const made = await connectUpstream(
      route,
      lease,
      {
        capabilities,
        charset,
        attributes: upstreamAttributes(session, wish.program, mayBeKept),
        mayBeKept,
        ...(schema !== undefined && { schema }),
      },
      state,
    );
    this.#parts.meter.upstreamTaken(target.id, 'login');
    if (key === undefined || !made.names) return { upstream: made.upstream };
    const { account, role } = lease;
    const { names, upstream } = made;
    return { upstream, names, key, role, principal, targetId: target.id, account, lentFor, schema };
  }

  async #wake(
    { connection, state: row }: TakenConnection,
    schema: string | undefined,
    state: SessionState,
    route: UpstreamRoute,
  ): Promise<boolean> {
    const { upstream } = connection;
    if (!row) return wakeUpstream(upstream, schema, state, route);
    state.status(upstream.status);
    state.learn(row);
    return true;
  }

  async relay(session: Session): Promise<SessionEnd | undefined> {
    const { capabilities } = this.#known();
    const connection = this.#upstream;
    const state = this.#state;
    if (!connection || !state) throw new PosternError('internal', { correlation: session.id });
    const { upstream } = connection;
    this.#channel.write(encodePlainOk(upstream.status, capabilities));
    const released = this.#channel.release();
    // The peer left while the target was logging in.
    if (!released) return undefined;
    const compressed = hasCapability(capabilities, CLIENT_COMPRESS)
      ? new CompressedStream(released.socket, released.early, this.#parts.buffers)
      : undefined;
    const { socket, early } = compressed
      ? { socket: compressed, early: Buffer.alloc(0) }
      : released;
    const { route, statements } = this.#options.target(session.target);
    const broker = this.#parts.brokers.get(session.target.id);
    const relay = new MysqlRelay({
      parts: this.#parts,
      session,
      state,
      statements,
      downstream: {
        socket,
        early,
        capabilities,
        settled: isSettled(session),
        ...(compressed && { began: () => compressed.began() }),
      },
      upstream,
      cancel: async (connectionId) => {
        // The account's password may have been rotated since: borrow the lease as it is now. The
        // rights as they were then name the same account, and only that one may kill its threads.
        const lease = await broker?.lend({
          principal: session.principal,
          access: session.lentFor,
          ttlMs: 60_000,
        });
        if (!lease) return;
        try {
          await killQuery(route(), lease, { connectionId, capabilities: 0n });
        } finally {
          broker?.release(lease);
        }
      },
    });
    const end = await relay.run();
    if (relay.upstreamFree && 'key' in connection && !this.#parts.draining) {
      this.#upstream = undefined;
      this.#options.warm.giveBack(connection);
    }
    return end;
  }

  close(): void {
    this.#upstream?.upstream.socket.destroy();
    const { socket } = this.#channel;
    // What was written (an ERR) may still be on its way; a peer that does not read is cut off.
    if (this.#greeted || socket.writableLength > 0) {
      socket.end();
      this.#parts.clock.after(1_000, () => socket.destroy());
    } else socket.destroy();
  }

  /** What is no login gets the error that the target itself would give. */
  #tellFault({ code, message }: PosternError): void {
    if (code !== 'malformed-message' && code !== 'unexpected-message') return;
    this.#channel.write(encodeErr({ ...BAD_HANDSHAKE, message: `Postern: ${message}` }));
  }

  #known(): LoginWish {
    if (!this.#wish) throw new PosternError('internal', { correlation: 'login order' });
    return this.#wish;
  }
}

/** Proven by the transport once and for all; tokens and tickets are asked for again. */
function isSettled({ principal }: Session): boolean {
  return principal.method !== 'token' && principal.method !== 'ticket';
}

/** What any role of the session allows; whether it may be done here is decided each time. */
function exceptions({ access }: Session): Exceptions {
  const guardrails = access.roleIds.map((id) => access.policy.roles.get(id)?.guardrails);
  return {
    multiStatement: guardrails.some((one) => one?.multiStatement === 'Allow'),
    localInfile: guardrails.some((one) => one?.localInfile === 'Allow'),
  };
}

/** What the driver asked for: what is kept of its login, whose proof is nobody's business later. */
interface LoginWish {
  /** Of those that were offered. */
  readonly capabilities: Capabilities;
  readonly charset: number;
  readonly schema: string | undefined;
}

/** What a session needs of its upstream connection; all but the schema is settled at the login. */
interface UpstreamWish extends LoginWish {
  readonly program: string;
}

/** With more facts when it may serve another session. */
type DoorUpstream = { readonly upstream: MysqlUpstream } | WarmConnection;

/** Connections with one key differ in nothing that a reset leaves. */
function warmKey({ lease, target }: Session, wish: UpstreamWish): string {
  const { capabilities, charset, program } = wish;
  const { account, issue } = lease;
  return JSON.stringify([target.id, account, issue, capabilities.toString(16), charset, program]);
}

/**
 * Names the origin in the target's own views (performance_schema.session_connect_attrs). They stay
 * for the life of the connection, so one that may be kept names the principal alone.
 */
function upstreamAttributes(
  session: Session,
  program: string,
  mayBeKept: boolean,
): Readonly<Record<string, string>> {
  const names = { program_name: program, postern_principal: session.principal.id };
  if (mayBeKept) return names;
  const traceparent = session.trace?.traceparent ?? session.traceparent;
  return {
    ...names,
    postern_session: session.id,
    ...(traceparent !== undefined && { traceparent }),
  };
}
