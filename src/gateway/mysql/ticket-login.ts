// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import type { IdentityResult } from '../../identity/result.ts';
import type { TicketProof, Tickets } from '../../identity/ticket.ts';
import { CACHING_SHA2_PASSWORD, FAST_AUTH_SUCCESS } from '../../wire/mysql/auth/caching-sha2.ts';
import { CHALLENGE_BYTES, NATIVE_PASSWORD } from '../../wire/mysql/auth/native-password.ts';
import { encodeAuthMoreData } from '../../wire/mysql/auth-more-data.ts';
import { encodeAuthSwitch } from '../../wire/mysql/auth-switch.ts';
import { CLIENT_PLUGIN_AUTH, hasCapability } from '../../wire/mysql/capabilities.ts';
import type { HandshakeResponse } from '../../wire/mysql/handshake-response.ts';
import type { DownstreamPayload } from '../../wire/mysql/payload.ts';
import type { LoginChannel } from './login-channel.ts';

/** Drivers know it without TLS; what comes back proves nothing unless it comes with a ticket. */
export const GREETING_PLUGIN = NATIVE_PASSWORD;

/** 20 bytes without NUL, which would end the challenge early. */
export function newChallenge(): Buffer {
  const bytes = randomBytes(CHALLENGE_BYTES);
  for (let index = 0; index < bytes.length; index += 1) {
    if (bytes[index] === 0) bytes[index] = 1;
  }
  return bytes;
}

/** The scheme to ask for: what the driver named, if it is one of the two. */
export function ticketScheme(plugin: string): TicketProof['scheme'] {
  return plugin === CACHING_SHA2_PASSWORD ? CACHING_SHA2_PASSWORD : NATIVE_PASSWORD;
}

/** Asks for the answer to a challenge of its own. */
export function askForTicket(
  scheme: TicketProof['scheme'],
  challenge: Uint8Array,
): DownstreamPayload {
  return encodeAuthSwitch({ plugin: scheme, data: Buffer.from(challenge) });
}

/** What comes before the verdict once a challenge was met; undefined: nothing. */
export function ticketAccepted(scheme: TicketProof['scheme']): DownstreamPayload | undefined {
  if (scheme !== CACHING_SHA2_PASSWORD) return undefined;
  return encodeAuthMoreData({ data: Buffer.of(FAST_AUTH_SUCCESS) });
}

/**
 * A login whose user name is a ticket id. The answer to the greeting counts when it was made for
 * the greeting's plugin; any other is asked for anew, because it may have been made for no
 * challenge at all. What follows is the same for every ticket id, known or not.
 */
export async function redeemTicket(
  channel: LoginChannel,
  tickets: Pick<Tickets, 'redeem'>,
  login: {
    readonly response: HandshakeResponse;
    readonly challenge: Buffer;
    readonly target: string;
  },
): Promise<IdentityResult> {
  const { response, target } = login;
  const { user: id, authPlugin } = response;
  const knowsPlugins = hasCapability(response.capabilities, CLIENT_PLUGIN_AUTH);
  const scheme = ticketScheme(authPlugin);
  let proof: TicketProof = {
    ...{ id, target, scheme },
    challenge: login.challenge,
    response: response.authResponse,
  };
  if (knowsPlugins && (authPlugin !== GREETING_PLUGIN || response.authResponse.length === 0)) {
    const challenge = newChallenge();
    channel.write(askForTicket(scheme, challenge));
    proof = { ...proof, challenge, response: (await channel.read('ticket')).payload };
  }
  const identity = await tickets.redeem(proof);
  const more = identity.ok ? ticketAccepted(scheme) : undefined;
  if (more) channel.write(more);
  return identity;
}
