// SPDX-License-Identifier: Apache-2.0
import type { SecureContext } from 'node:tls';
import { type IdentityResult, refusal } from '../../identity/result.ts';
import { isTicketId } from '../../identity/ticket.ts';
import type { Denied } from '../../model/decision.ts';
import { PosternError } from '../../model/errors.ts';
import { Secret } from '../../model/secret.ts';
import { encodeAuthSwitch } from '../../wire/mysql/auth-switch.ts';
import { type Capabilities, CLIENT_SSL } from '../../wire/mysql/capabilities.ts';
import { encodeErr } from '../../wire/mysql/err.ts';
import { encodeHandshake } from '../../wire/mysql/handshake.ts';
import {
  decodeHandshakeResponse,
  type HandshakeResponse,
} from '../../wire/mysql/handshake-response.ts';
import { decodeSslRequest, isSslRequest } from '../../wire/mysql/ssl-request.ts';
import { SERVER_STATUS_AUTOCOMMIT } from '../../wire/mysql/status.ts';
import type { GatewayParts } from '../parts.ts';
import { isReadable } from './charsets.ts';
import { denialMessage, MYSQL_DENIALS } from './errors.ts';
import type { LoginChannel } from './login-channel.ts';
import { GREETING_PLUGIN, newChallenge, redeemTicket } from './ticket-login.ts';

const TOKEN_PLUGIN = 'mysql_clear_password';

export interface Login {
  readonly identity: IdentityResult;
  readonly response: HandshakeResponse;
}

export interface AcceptOptions {
  readonly serverVersion: string;
  /** The target's default collation: drivers send SET NAMES or not because of it. */
  readonly charset: number;
  readonly connectionId: number;
  readonly listener: string;
  /** The target of the connection, `namespace/name`. */
  readonly target: string;
  /** What to offer besides TLS: the target's capabilities that the relay implements. */
  readonly offered: Capabilities;
  /** Present when protocol TLS is offered. */
  readonly secureContext?: SecureContext;
  /** Identity that the transport has already settled (mesh mTLS); then any password is ignored. */
  readonly settled?: IdentityResult;
  /** Nobody else can listen (Unix socket, loopback): a ticket is taken without TLS. */
  readonly plain?: boolean;
}

/**
 * The downstream login up to a verdict on who calls; success or failure is told later, when the
 * rules have been asked. Order of methods: the transport's identity, else a client certificate (one
 * that is not accepted is a denial), else a ticket where the user name is the id of one, else a
 * token as mysql_clear_password, which is asked for only inside TLS.
 */
export async function acceptLogin(
  channel: LoginChannel,
  parts: GatewayParts,
  options: AcceptOptions,
): Promise<Login> {
  const { secureContext } = options;
  const challenge = newChallenge();
  channel.write(
    encodeHandshake({
      serverVersion: options.serverVersion,
      connectionId: options.connectionId,
      authData: challenge,
      capabilities: secureContext ? options.offered | CLIENT_SSL : options.offered,
      charset: options.charset,
      status: SERVER_STATUS_AUTOCOMMIT,
      authPlugin: GREETING_PLUGIN,
    }),
  );
  let message = await channel.read('login');
  if (isSslRequest(message.payload)) {
    if (!secureContext) {
      throw new PosternError('unexpected-message', { message: 'SSLRequest', state: 'TLS is off' });
    }
    decodeSslRequest(message.payload);
    // Where the transport has settled who calls, another name could only contradict it.
    await channel.upgrade(secureContext, options.settled === undefined).catch((thrown) => {
      parts.meter.connectionFailed(options.listener, 'tls');
      throw thrown;
    });
    message = await channel.read('login over TLS');
  }
  const response = decodeHandshakeResponse(message.payload);
  if (response.database !== undefined && !isReadable(response.database, response.charset)) {
    const problem = 'the name of the database must be ASCII, or the character set UTF-8';
    throw new PosternError('malformed-message', { message: 'login', offset: 32, problem });
  }
  return { identity: await identityOf(channel, parts, options, { response, challenge }), response };
}

async function identityOf(
  channel: LoginChannel,
  parts: GatewayParts,
  { settled, target, plain }: AcceptOptions,
  { response, challenge }: { readonly response: HandshakeResponse; readonly challenge: Buffer },
): Promise<IdentityResult> {
  if (settled) return settled;
  if (!channel.encrypted && !plain) {
    return refusal('anonymous', 'the driver did not ask for TLS, and no proof is taken without it');
  }
  const chain = channel.peerChain;
  if (chain.length > 0) return parts.identity.verifyCertificateChain(chain, 'client-certificate');
  if (isTicketId(response.user)) {
    return redeemTicket(channel, parts.tickets, { response, challenge, target });
  }
  if (!channel.encrypted) {
    return refusal('anonymous', 'without TLS only a ticket is taken: its id as the user name');
  }
  return askForToken(channel, parts);
}

async function askForToken(channel: LoginChannel, parts: GatewayParts): Promise<IdentityResult> {
  // Always switched, whatever the driver sent: an empty answer to another plugin means nothing.
  channel.write(encodeAuthSwitch({ plugin: TOKEN_PLUGIN, data: Buffer.alloc(0) }));
  const answer = await channel.readUnlessTooLarge('token');
  if (answer === 'too-large') {
    const detail = 'the token does not even fit a login message; the limit is 16384 bytes';
    return refusal('token-oversize', detail);
  }
  const token = clearPassword(answer.payload);
  if (token === '')
    return refusal('anonymous', 'no token was sent; give the token as the password');
  return parts.identity.verifyToken(new Secret(token));
}

/** ERR with a decision id; what was wrong with a proof stays in the audit. */
export function encodeDenial(denial: Pick<Denied, 'reason' | 'detail'>, id: string) {
  const { errno, sqlState } = MYSQL_DENIALS[denial.reason];
  return encodeErr({ errno, sqlState, message: denialMessage(denial.reason, denial.detail, id) });
}

/** mysql_clear_password: the password and a NUL. */
export function clearPassword(payload: Buffer): string {
  const end = payload.indexOf(0);
  return payload.toString('utf8', 0, end === -1 ? payload.length : end);
}
