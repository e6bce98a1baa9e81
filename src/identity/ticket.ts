// SPDX-License-Identifier: Apache-2.0
import type { Principal } from '../model/principal.ts';
import type { Secret } from '../model/secret.ts';
import type { IdentityRefusal, IdentityResult } from './result.ts';

/** A ticket stands in for a token where a driver can only do challenge and response. */
export interface TicketOrder {
  /** As its own proof gave it: attributes, groups, the proof's end and onBehalfOf included. */
  readonly principal: Principal;
  /** The only target it opens, `namespace/name`. */
  readonly target: string;
  readonly ttlMs: number;
  /** Logins it is good for; any number without. */
  readonly uses?: number;
}

export interface IssuedTicket {
  readonly ok: true;
  readonly id: string;
  readonly secret: Secret;
  /** ms since the epoch: never after the end of the proof it was issued for. */
  readonly expiresAt: number;
}

/** Challenge schemes of stock drivers; the names are those of the MySQL plugins. */
export type TicketScheme = 'mysql_native_password' | 'caching_sha2_password';

/** What a peer presents: plain data, so that it can be sent to the process that has the tickets. */
export interface TicketProof {
  readonly id: string;
  /** The target of the connection. */
  readonly target: string;
  readonly scheme: TicketScheme;
  /** Ours, made for this connection. */
  readonly challenge: Uint8Array;
  readonly response: Uint8Array;
  /** Proves once more who holds a session that this ticket opened; takes no use. */
  readonly again?: boolean;
}

/** As `postern ticket list` shows it. Times are ms since the epoch. */
export interface TicketView {
  readonly id: string;
  readonly principal: string;
  readonly target: string;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly logins: number;
  /** Absent: any number. */
  readonly usesLeft?: number;
  readonly state: 'live' | 'expired' | 'revoked' | 'used up';
}

/**
 * All tickets of a gateway. They are in one process, whatever the number of workers: a use is
 * counted where it is verified.
 */
export interface Tickets {
  issue(order: TicketOrder): Promise<IssuedTicket | IdentityRefusal>;
  redeem(proof: TicketProof): Promise<IdentityResult>;
  /** False when there is no live ticket of this id. */
  revoke(id: string): Promise<boolean>;
  list(): Promise<readonly TicketView[]>;
}

const TICKET_ID = /^tkt-[a-z2-7]{16}$/;

/** Whether a user name claims to be a ticket; nothing else about it is known then. */
export function isTicketId(user: string): boolean {
  return TICKET_ID.test(user);
}
