// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import type { IdentityResult } from '../../identity/result.ts';
import type { Denied } from '../../model/decision.ts';
import { Secret } from '../../model/secret.ts';
import { encodeAuthSwitch } from '../../wire/mysql/auth-switch.ts';
import type { Capabilities } from '../../wire/mysql/capabilities.ts';
import { type ComChangeUser, decodeComChangeUser } from '../../wire/mysql/com-change-user.ts';
import { decodeComSetOption, MULTI_STATEMENTS_OFF } from '../../wire/mysql/com-set-option.ts';
import { COM } from '../../wire/mysql/commands.ts';
import { encodePlainOk } from '../../wire/mysql/ok.ts';
import type { Message } from '../../wire/mysql/packet-assembler.ts';
import type { DownstreamPayload, UpstreamPayload } from '../../wire/mysql/payload.ts';
import { SERVER_STATUS_AUTOCOMMIT } from '../../wire/mysql/status.ts';
import type { Session, SessionEnd } from '../live-session.ts';
import type { GatewayParts } from '../parts.ts';
import { isSameIdentity } from '../same-identity.ts';
import { clearPassword } from './accept.ts';
import { charsetName, isReadable } from './charsets.ts';
import type { CommandReader } from './command-reader.ts';
import type { Inspection, Inspector } from './inspect.ts';
import type { InternalExchange } from './internal-exchange.ts';
import { internalCommand, internalQuery } from './internal-exchange.ts';
import { askForTicket, newChallenge, ticketAccepted, ticketScheme } from './ticket-login.ts';
import { preparation } from './upstream.ts';

/** What the relay lends to the commands that the gateway answers itself. */
export interface RewriteControls {
  readonly parts: GatewayParts;
  readonly session: Session;
  readonly inspector: Inspector;
  readonly capabilities: Capabilities;
  readonly settled: boolean;
  /** Sends an answer and goes on with the next command. */
  answer(payload: DownstreamPayload, sequence: number): void;
  deny(denial: Pick<Denied, 'reason' | 'detail'>, sequence: number): void;
  exchange(commands: readonly UpstreamPayload[], done: (exchange: InternalExchange) => void): void;
  /** Sends a message to which the principal answers. */
  ask(payload: DownstreamPayload, sequence: number): void;
  /** Runs it so that a fault ends this session and nothing else. */
  guard(run: () => void): void;
  readonly reader: CommandReader;
  readonly downstream: Duplex;
  end(end: SessionEnd): void;
}

/** How the principal of a session shows once more who it is. */
interface ProofAgain {
  readonly request: DownstreamPayload;
  /** Comes before the verdict once it is proven. */
  readonly accepted?: DownstreamPayload;
  verify(answer: Buffer): Promise<true | SessionEnd>;
}

const OTHER_TICKET: SessionEnd = {
  reason: 'identity-changed',
  detail: 'the session was opened with another ticket; connect anew',
};

/** COM_RESET_CONNECTION, COM_CHANGE_USER and COM_SET_OPTION. */
export class Rewrites {
  readonly #c: RewriteControls;

  constructor(controls: RewriteControls) {
    this.#c = controls;
  }

  /** The relay is busy until `answer`, `deny` or `end` is called, exactly once. */
  take(message: Message, inspection: Inspection): void {
    switch (message.payload[0]) {
      case COM.COM_RESET_CONNECTION:
        return this.#reset(message.nextSequence, undefined, []);
      case COM.COM_CHANGE_USER:
        return this.#changeUser(message);
      case COM.COM_SET_OPTION:
        return this.#setOption(message);
      default:
        return this.#c.deny(
          { reason: 'command-denied', detail: `${inspection.row.name} is refused` },
          message.nextSequence,
        );
    }
  }

  /** Learns tracking and lexer mode anew, then goes on with `next`. */
  resynchronise(next: () => void): void {
    const { session } = this.#c;
    const [, ...withoutRole] = preparation(session.lease, undefined);
    this.#c.exchange(withoutRole, next);
  }

  /** A reset does not bring the role back (MDEV behaviour): it is set again before the answer. */
  #reset(sequence: number, schema: string | undefined, extra: readonly UpstreamPayload[]): void {
    const { session, inspector } = this.#c;
    const commands = [
      internalCommand(COM.COM_RESET_CONNECTION),
      ...extra,
      ...preparation(session.lease, schema),
    ];
    this.#c.exchange(commands, () => {
      inspector.forgetAll();
      session.inTransaction = false;
      this.#ok(sequence);
    });
  }

  /**
   * A pool giving the connection to its next borrower: the principal must stay who it is. After a
   * login by token or ticket the proof is asked for again; another principal ends the session.
   */
  #changeUser(message: Message): void {
    const change = decodeComChangeUser(message.payload, this.#c.capabilities);
    const charset = change.charset === undefined ? undefined : charsetName(change.charset);
    if (change.charset !== undefined && charset === undefined) {
      const detail = `collation ${change.charset} is not known; use SET NAMES`;
      return this.#c.deny({ reason: 'statement-charset', detail }, message.nextSequence);
    }
    if (!isReadable(change.database, change.charset ?? 0)) {
      const detail = 'the name of the database must be ASCII, or the character set UTF-8';
      return this.#c.deny({ reason: 'statement-charset', detail }, message.nextSequence);
    }
    const names = charset ? [internalQuery(`/*postern*/ SET NAMES ${charset}`)] : [];
    const schema = change.database || undefined;
    if (this.#c.settled) return this.#reset(message.nextSequence, schema, names);
    const proof = this.#c.session.ticket === undefined ? this.#token() : this.#ticket(change);
    this.#c.ask(proof.request, message.nextSequence);
    this.#readNext(message.nextSequence + 1, (answer) => {
      proof.verify(answer.payload).then(
        (same) =>
          this.#c.guard(() => {
            if (same === true) {
              if (proof.accepted) this.#c.ask(proof.accepted, answer.nextSequence);
              const sequence = answer.nextSequence + (proof.accepted ? 1 : 0);
              return this.#reset(sequence, schema, names);
            }
            this.#c.deny(same, answer.nextSequence);
            this.#c.end(same);
          }),
        (cause: unknown) => {
          this.#c.parts.log.error('verifying a proof failed', { cause });
          this.#c.end({ reason: 'provider-unavailable', detail: 'the proof was not verified' });
        },
      );
    });
  }

  #token(): ProofAgain {
    return {
      request: encodeAuthSwitch({ plugin: 'mysql_clear_password', data: Buffer.alloc(0) }),
      verify: async (answer) => {
        const token = new Secret(clearPassword(answer));
        return this.#sameAs(await this.#c.parts.identity.verifyToken(token));
      },
    };
  }

  /** The ticket that opened the session, and no other. */
  #ticket(change: ComChangeUser): ProofAgain {
    const { session, parts } = this.#c;
    const scheme = ticketScheme(change.authPlugin);
    const challenge = newChallenge();
    const accepted = ticketAccepted(scheme);
    return {
      request: askForTicket(scheme, challenge),
      ...(accepted && { accepted }),
      verify: async (response) => {
        if (change.user !== session.ticket) return OTHER_TICKET;
        const target = session.target.id;
        const proof = { id: change.user, target, scheme, challenge, response, again: true };
        return this.#sameAs(await parts.tickets.redeem(proof));
      },
    };
  }

  /** The principal's next message, which is an answer to us and no command. */
  #readNext(sequence: number, take: (message: Message) => void): void {
    const { downstream, parts, reader } = this.#c;
    const late = parts.clock.after(parts.limits.handshakeTimeout, () => {
      this.#c.end({ reason: 'anonymous', detail: 'no proof came in time' });
    });
    const look = () =>
      this.#c.guard(() => {
        const message = reader.next(sequence);
        if (message === undefined) return;
        if (typeof message === 'string') {
          return this.#c.end({ reason: 'limit-size', detail: 'the proof is too large' });
        }
        late.stop();
        downstream.off('data', look);
        take(message);
      });
    downstream.on('data', look);
    look();
  }

  #sameAs(identity: IdentityResult): true | SessionEnd {
    const { session } = this.#c;
    if (!identity.ok) return { reason: identity.reason, detail: identity.detail };
    if (isSameIdentity(session.access, identity.principal)) return true;
    const detail = `the session is ${session.principal.id}'s as it was proven then; connect anew`;
    return { reason: 'identity-changed', detail };
  }

  #setOption(message: Message): void {
    const { option } = decodeComSetOption(message.payload);
    const { session } = this.#c;
    const allowed = session.access.roleIds.some(
      (id) => session.access.policy.roles.get(id)?.guardrails.multiStatement === 'Allow',
    );
    if (option !== MULTI_STATEMENTS_OFF && !allowed) {
      const detail = 'no role of yours allows several statements in one text';
      return this.#c.deny({ reason: 'multi-statement', detail }, message.nextSequence);
    }
    this.#c.exchange([message.payload as UpstreamPayload, ...this.#state()], () =>
      this.#ok(message.nextSequence),
    );
  }

  #state(): UpstreamPayload[] {
    return preparation(this.#c.session.lease, undefined).slice(-1);
  }

  #ok(sequence: number): void {
    this.#c.answer(encodePlainOk(SERVER_STATUS_AUTOCOMMIT, this.#c.capabilities), sequence);
  }
}
