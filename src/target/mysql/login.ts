// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import { systemClock } from '../../model/clock.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import type { Secret } from '../../model/secret.ts';
import { type DialTls, dial, type Endpoint, endpointText } from '../../net/dial.ts';
import { AUTH_MORE_DATA_HEADER, decodeAuthMoreData } from '../../wire/mysql/auth-more-data.ts';
import {
  AUTH_SWITCH_HEADER,
  decodeAuthSwitch,
  encodeAuthSwitchResponse,
} from '../../wire/mysql/auth-switch.ts';
import {
  type Capabilities,
  CLIENT_COMPRESS,
  CLIENT_CONNECT_ATTRS,
  CLIENT_CONNECT_WITH_DB,
  CLIENT_MYSQL,
  CLIENT_PLUGIN_AUTH,
  CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA,
  CLIENT_PROTOCOL_41,
  CLIENT_SECURE_CONNECTION,
  CLIENT_SESSION_TRACK,
  CLIENT_SSL,
  CLIENT_ZSTD_COMPRESSION_ALGORITHM,
  capabilityNames,
  hasCapability,
} from '../../wire/mysql/capabilities.ts';
import { decodeErr, ERR_HEADER } from '../../wire/mysql/err.ts';
import { decodeHandshake, type Handshake } from '../../wire/mysql/handshake.ts';
import { encodeHandshakeResponse } from '../../wire/mysql/handshake-response.ts';
import { decodeOk, OK_HEADER, type Ok } from '../../wire/mysql/ok.ts';
import { encodeSslRequest } from '../../wire/mysql/ssl-request.ts';
import { Authenticator } from './authenticate.ts';
import { PacketStream } from './packet-stream.ts';

/** How to reach the target: `plaintext` is a choice of the declaration, never a fallback. */
export type TlsChoice = DialTls | { readonly mode: 'plaintext' };

export interface MysqlLogin {
  /** For messages. */
  readonly targetName: string;
  readonly endpoint: Endpoint;
  readonly tls: TlsChoice;
  readonly user: string;
  readonly password: Secret;
  readonly database?: string;
  /**
   * What is wanted of the connection, e.g. what downstream negotiated. The login adds what it needs
   * itself; what the server does not offer is left out.
   */
  readonly capabilities: Capabilities;
  /** Collation id. */
  readonly charset: number;
  readonly attributes: Readonly<Record<string, string>>;
  /** For all of it, from dialling to the server's OK. */
  readonly deadlineMs: number;
  /** Lets the server ask for the password as it is (a token, say); over verified TLS only. */
  readonly allowClearPassword?: boolean;
  /** Leaves session tracking to `capabilities`, for a caller that relays answers unread. */
  readonly trackOnlyIfWanted?: boolean;
}

export interface MysqlUpstream {
  /** Paused, without listeners but one that ignores errors. */
  readonly socket: Socket;
  /** Bytes that came behind the OK; almost always empty. */
  readonly pending: Buffer;
  /** What both sides agreed on. */
  readonly capabilities: Capabilities;
  /** Status flags of the OK. */
  readonly status: number;
  readonly connectionId: number;
}

/** A greeting, OK or ERR is far smaller. */
export const MAX_LOGIN_MESSAGE_BYTES = 1 << 16;
/** What we announce to accept; the protocol's highest value in use. */
const MAX_PACKET_BYTES = 0x4000_0000;

/**
 * Connects and logs in. Rejects with `target-unreachable`, `tls-failed`, `target-refused` (facts:
 * errno and sqlState, when the server gave them), `target-unsupported`, `timeout`, or
 * `malformed-message`/`unexpected-message` when the server does not keep to the protocol. TLS that
 * is asked for is never left out.
 */
export async function loginMysql(login: MysqlLogin): Promise<MysqlUpstream> {
  const { stream, facts } = await openSession(login);
  const { socket, pending } = stream.detach();
  const { capabilities, status, greeting } = facts;
  // Not the greeting itself: sessions keep this, and 20 bytes of it would keep a whole buffer.
  return { socket, pending, capabilities, status, connectionId: greeting.connectionId };
}

export interface LoggedIn {
  readonly stream: PacketStream;
  readonly facts: Pick<MysqlUpstream, 'capabilities' | 'status'> & { readonly greeting: Handshake };
}

/** The login for callers that go on talking themselves. */
export async function openSession(login: MysqlLogin): Promise<LoggedIn> {
  const stream = new PacketStream(dial(login.endpoint));
  const limit = systemClock.after(login.deadlineMs, () => {
    const action = `Logging in to target ${login.targetName}`;
    stream.abort(new PosternError('timeout', { action, limitMs: login.deadlineMs }));
  });
  try {
    return { stream, facts: await handshake(stream, login) };
  } catch (error) {
    stream.abort(error);
    throw error;
  } finally {
    limit.stop();
  }
}

async function handshake(stream: PacketStream, login: MysqlLogin): Promise<LoggedIn['facts']> {
  const endpoint = endpointText(login.endpoint);
  const unreachable = (problem: string, cause?: unknown) =>
    new PosternError('target-unreachable', { target: login.targetName, endpoint, problem }, cause);
  const refused = refusal(login);

  await mapFailure(stream.event('connect'), unreachable);
  const first = await mapFailure(stream.read(MAX_LOGIN_MESSAGE_BYTES), unreachable);
  if (first[0] === ERR_HEADER) throw errToRefusal(first, refused);
  const greeting = decodeHandshake(first);
  const capabilities = negotiate(login, greeting);
  const head = { capabilities, maxPacketBytes: MAX_PACKET_BYTES, charset: login.charset };

  if (login.tls.mode !== 'plaintext') {
    stream.reply(encodeSslRequest(head));
    await mapFailure(
      stream.upgrade(login.tls, login.endpoint),
      (problem, cause) => new PosternError('tls-failed', { peer: endpoint, problem }, cause),
    );
  }

  const authenticator = new Authenticator(
    login.password,
    {
      overSecureTransport: login.tls.mode !== 'plaintext' || 'socketPath' in login.endpoint,
      clear: login.allowClearPassword === true && login.tls.mode === 'verified',
    },
    refused,
  );
  const answer = authenticator.first(greeting.authPlugin, greeting.authData);
  stream.reply(
    encodeHandshakeResponse({
      ...head,
      user: login.user,
      authResponse: answer.response,
      authPlugin: answer.plugin,
      attributes: login.attributes,
      ...(login.database !== undefined && { database: login.database }),
    }),
  );
  const ok = await mapFailure(authenticate(stream, authenticator, capabilities, refused), refused);
  return { greeting, capabilities, status: ok.status };
}

async function authenticate(
  stream: PacketStream,
  authenticator: Authenticator,
  capabilities: Capabilities,
  refused: Refusal,
): Promise<Ok> {
  for (;;) {
    const message = await stream.read(MAX_LOGIN_MESSAGE_BYTES);
    switch (message[0]) {
      case OK_HEADER:
        return decodeOk(message, capabilities);
      case ERR_HEADER:
        throw errToRefusal(message, refused);
      case AUTH_SWITCH_HEADER: {
        const { plugin, data } = decodeAuthSwitch(message);
        stream.reply(encodeAuthSwitchResponse(authenticator.switchTo(plugin, data)));
        break;
      }
      case AUTH_MORE_DATA_HEADER: {
        const answer = authenticator.more(decodeAuthMoreData(message).data);
        if (answer) stream.reply(encodeAuthSwitchResponse(answer));
        break;
      }
      default:
        throw new PosternError('unexpected-message', {
          message: `0x${(message[0] ?? 0).toString(16)}`,
          state: 'logging in',
        });
    }
  }
}

/** What we cannot do without, then what is wanted, of what the server offers. */
function negotiate(login: MysqlLogin, greeting: Handshake): Capabilities {
  const withTls = login.tls.mode !== 'plaintext';
  if (withTls && !hasCapability(greeting.capabilities, CLIENT_SSL)) {
    const peer = endpointText(login.endpoint);
    throw new PosternError('tls-failed', { peer, problem: 'it does not offer TLS' });
  }
  const needed =
    CLIENT_PROTOCOL_41 |
    CLIENT_SECURE_CONNECTION |
    CLIENT_PLUGIN_AUTH |
    (withTls ? CLIENT_SSL : 0n) |
    (login.database === undefined ? 0n : CLIENT_CONNECT_WITH_DB);
  const missing = needed & ~greeting.capabilities;
  if (missing !== 0n) {
    throw new PosternError('target-unsupported', {
      target: login.targetName,
      problem: `it lacks ${capabilityNames(missing).join(', ')}`,
    });
  }
  const ours =
    CLIENT_MYSQL |
    (login.trackOnlyIfWanted ? 0n : CLIENT_SESSION_TRACK) |
    CLIENT_CONNECT_ATTRS |
    CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA;
  // Compression would hide packet headers; the other two are settled by `needed`.
  const never =
    CLIENT_COMPRESS | CLIENT_ZSTD_COMPRESSION_ALGORITHM | CLIENT_SSL | CLIENT_CONNECT_WITH_DB;
  return (((login.capabilities | ours) & ~never) | needed) & greeting.capabilities;
}

type Refusal = (problem: string, cause?: unknown, facts?: ErrFacts) => PosternError;
type ErrFacts = { readonly errno: number; readonly sqlState: string };

function refusal(login: MysqlLogin): Refusal {
  return (problem, cause, facts) =>
    new PosternError(
      'target-refused',
      { target: login.targetName, account: login.user, problem, ...facts },
      cause,
    );
}

function errToRefusal(payload: Buffer, refused: Refusal): PosternError {
  const { errno, sqlState, message } = decodeErr(payload);
  return refused(`${printable(message)} (error ${errno})`, undefined, { errno, sqlState });
}

const MAX_SERVER_TEXT = 300;

/** A server's text in one line; it names accounts and hosts, never passwords. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}]/gu, ' ').slice(0, MAX_SERVER_TEXT);
}

/** Socket errors get the meaning of the step they happened in; ours are kept. */
async function mapFailure<T>(
  step: Promise<T>,
  describe: (problem: string, cause: unknown) => PosternError,
): Promise<T> {
  try {
    return await step;
  } catch (error) {
    if (error instanceof PosternError) throw error;
    throw describe(problemText(error), error);
  }
}
