// SPDX-License-Identifier: Apache-2.0
import { randomBytes } from 'node:crypto';
import { type IdentityRefusal, type IdentityResult, refusal } from '../identity/result.ts';
import type {
  IssuedTicket,
  TicketOrder,
  TicketProof,
  Tickets,
  TicketView,
} from '../identity/ticket.ts';
import type { Clock } from '../model/clock.ts';
import type { Principal } from '../model/principal.ts';
import { Secret } from '../model/secret.ts';
import { sha2Stage2, verifySha2 } from '../wire/mysql/auth/caching-sha2.ts';
import { nativeStage2, verifyNative } from '../wire/mysql/auth/native-password.ts';

/** Ended ones are kept so long, for a better reason in the audit than "unknown". */
const KEEP_ENDED_MS = 10 * 60_000;
const MAX_OF_ONE_PRINCIPAL = 200;
const MAX_TICKETS = 20_000;

/** What a server of each scheme keeps; the secret itself is not kept. */
interface Stages {
  readonly native: Buffer;
  readonly sha2: Buffer;
}

interface Entry {
  readonly id: string;
  readonly principal: Principal;
  readonly target: string;
  readonly stages: Stages;
  readonly issuedAt: number;
  readonly expiresAt: number;
  readonly uses: number | undefined;
  logins: number;
  revoked: boolean;
}

/** The tickets of one gateway, in memory: they end with its process. */
export class TicketStore implements Tickets {
  readonly #clock: Clock;
  readonly #byId = new Map<string, Entry>();
  /** Nobody's: an unknown id is verified against it, and so takes as long as a known one. */
  readonly #nobody = stagesOf(newSecret());

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  async issue(order: TicketOrder): Promise<IssuedTicket | IdentityRefusal> {
    const now = this.#clock.now();
    const expiresAt = Math.min(now + order.ttlMs, proofEnd(order.principal));
    if (expiresAt <= now) {
      return refusal('ticket-ended', 'the proof that was shown for it has ended');
    }
    this.#forgetEnded(now);
    if (!this.#makeRoom(order.principal.id, now)) {
      return refusal('limit-memory', 'too many tickets are live; revoke some');
    }
    const id = `tkt-${base32(10)}`;
    const secret = newSecret();
    this.#byId.set(id, {
      id,
      principal: { ...order.principal, method: 'ticket' },
      target: order.target,
      stages: stagesOf(secret),
      issuedAt: now,
      expiresAt,
      uses: order.uses,
      logins: 0,
      revoked: false,
    });
    return { ok: true, id, secret: new Secret(secret), expiresAt };
  }

  async redeem(proof: TicketProof): Promise<IdentityResult> {
    // Nothing is awaited in here: verifying and taking a use are one step.
    const entry = this.#byId.get(proof.id);
    const proven = proves(proof, entry?.stages ?? this.#nobody);
    if (!entry) return refusal('ticket-unknown', `there is no ticket ${proof.id}`);
    if (!proven) return refusal('ticket-secret', `the secret of ticket ${proof.id} is wrong`);
    const state = stateOf(entry, this.#clock.now());
    if (state !== 'live' && !(state === 'used up' && proof.again)) {
      return refusal('ticket-ended', `ticket ${proof.id} is ${state}`);
    }
    if (entry.target !== proof.target) {
      const detail = `ticket ${proof.id} is for ${entry.target}, the connection for ${proof.target}`;
      return refusal('ticket-target', detail);
    }
    if (!proof.again) entry.logins += 1;
    return { ok: true, principal: entry.principal, ticket: entry.id };
  }

  async revoke(id: string): Promise<boolean> {
    const entry = this.#byId.get(id);
    if (!entry || entry.revoked || entry.expiresAt <= this.#clock.now()) return false;
    entry.revoked = true;
    return true;
  }

  async list(): Promise<readonly TicketView[]> {
    const now = this.#clock.now();
    this.#forgetEnded(now);
    return [...this.#byId.values()].map((entry) => ({
      id: entry.id,
      principal: entry.principal.id,
      target: entry.target,
      issuedAt: entry.issuedAt,
      expiresAt: entry.expiresAt,
      logins: entry.logins,
      ...(entry.uses !== undefined && { usesLeft: entry.uses - entry.logins }),
      state: stateOf(entry, now),
    }));
  }

  #forgetEnded(now: number): void {
    for (const { id, expiresAt } of this.#byId.values()) {
      if (expiresAt + KEEP_ENDED_MS <= now) this.#byId.delete(id);
    }
  }

  /** Ended tickets give way to new ones, the oldest first; live ones never do. */
  #makeRoom(principalId: string, now: number): boolean {
    const all = [...this.#byId.values()];
    const own = all.filter(({ principal }) => principal.id === principalId);
    const crowd =
      own.length >= MAX_OF_ONE_PRINCIPAL ? own : all.length >= MAX_TICKETS ? all : undefined;
    if (!crowd) return true;
    const ended = crowd.find((entry) => stateOf(entry, now) !== 'live');
    if (ended) this.#byId.delete(ended.id);
    return ended !== undefined;
  }
}

function stateOf(entry: Entry, now: number): TicketView['state'] {
  if (entry.revoked) return 'revoked';
  if (entry.expiresAt <= now) return 'expired';
  return entry.uses !== undefined && entry.logins >= entry.uses ? 'used up' : 'live';
}

/** The earliest end of the proofs of the principal and of everybody it acts for. */
function proofEnd({ expiresAt, onBehalfOf }: Principal): number {
  return onBehalfOf ? Math.min(expiresAt, proofEnd(onBehalfOf)) : expiresAt;
}

function proves({ scheme, challenge, response }: TicketProof, stages: Stages): boolean {
  const sent = Buffer.from(response);
  const asked = Buffer.from(challenge);
  return scheme === 'mysql_native_password'
    ? verifyNative(sent, asked, stages.native)
    : verifySha2(sent, asked, stages.sha2);
}

function stagesOf(secret: string): Stages {
  return { native: nativeStage2(secret), sha2: sha2Stage2(secret) };
}

/** 160 bits: nobody guesses it, from an answer to a challenge neither. */
function newSecret(): string {
  return base32(20);
}

const ALPHABET = 'abcdefghijklmnopqrstuvwxyz234567';

/** 8 characters for 5 bytes; no character that a shell, a URL or a DSN reads as something else. */
function base32(bytes: number): string {
  const bits = [...randomBytes(bytes)].map((byte) => byte.toString(2).padStart(8, '0')).join('');
  return (bits.match(/.{5}/g) ?? []).map((five) => ALPHABET[Number.parseInt(five, 2)]).join('');
}
