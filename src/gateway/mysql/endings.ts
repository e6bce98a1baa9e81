// SPDX-License-Identifier: Apache-2.0
import type { Denied } from '../../model/decision.ts';
import { toPosternError } from '../../model/errors.ts';
import type { SessionEnd } from '../live-session.ts';
import type { GatewayParts } from '../parts.ts';
import type { AnswerRelay } from './answer-relay.ts';
import type { Line } from './line.ts';
import { endedBy, type OutcomeKind, type Running } from './running.ts';

/** How long an idle, ended session waits to tell its principal why on the next command. */
const FAREWELL_MS = 3_000;
/** A target that does not react to KILL QUERY for so long is given up. */
const CANCEL_GRACE_MS = 5_000;

/** What endings ask of the rest of a relay. */
export interface EndingControls {
  readonly parts: GatewayParts;
  readonly answer: AnswerRelay;
  conclude(running: Running, outcome: OutcomeKind): void;
  /** Takes up what the principal has sent, to tell it why nothing goes on. */
  next(): void;
  /** Both connections are done with; called once. */
  closed(end: SessionEnd | undefined): void;
}

/** The ways in which a request, or a session with what it runs, ends before its time. */
export class Endings {
  readonly #c: EndingControls;
  readonly #line: Line;
  #reason: SessionEnd | undefined;

  constructor(line: Line, controls: EndingControls) {
    this.#line = line;
    this.#c = controls;
  }

  /** Ends the request under way with this denial as its answer; the session goes on. */
  cut(denial: Denied): void {
    const line = this.#line;
    const { running } = line;
    if (line.phase !== 'answering' || !running || running.cut) return;
    running.cut = denial;
    line.cancellation.start();
    line.limit(this.#c.parts.clock.after(CANCEL_GRACE_MS, () => this.abort(denial)));
  }

  /** The session must end: at once when something runs, else on the next command or soon. */
  stop(end: SessionEnd): void {
    const line = this.#line;
    if (line.phase === 'closed') return;
    if (line.phase === 'answering' || line.phase === 'internal') return this.abort(end);
    // Whoever waits for the record looks at the session's ending then.
    if (line.phase === 'recording' && line.running) return;
    line.phase = 'ended';
    this.#reason = end;
    line.up.destroy();
    line.limit(this.#c.parts.clock.after(FAREWELL_MS, () => this.finish(end)));
    this.guard(() => this.#c.next());
  }

  /** Ends within an answer, which is cancelled unless the lease is revoked with all it runs. */
  abort(end: SessionEnd): void {
    const line = this.#line;
    if (line.phase === 'closed') return;
    const { running } = line;
    if (running && !line.session.leaseRevoked) line.cancellation.start();
    line.phase = 'ended';
    line.up.destroy();
    if (running) this.#c.conclude(running, endedBy(running.cut ?? end));
    this.#tellInAnswer(end);
    this.finish(end);
  }

  downstreamGone(): void {
    const line = this.#line;
    if (line.phase === 'closed') return;
    if (line.phase === 'answering' && line.running) {
      // The target would go on working for nobody; what it did by now is not known.
      line.cancellation.start();
      this.#c.conclude(line.running, { outcome: 'killed' });
    }
    this.finish(undefined);
  }

  upstreamGone(problem: string): void {
    const line = this.#line;
    const { phase, running, session } = line;
    if (phase === 'ended' || phase === 'closed') return;
    const end: SessionEnd = session.ending ?? {
      reason: 'target-unavailable',
      detail: `${problem}; connect again`,
    };
    // What is being recorded is still owed to the principal: a denial, or the end of an answer.
    if (phase === 'recording') return session.end(end);
    line.phase = 'ended';
    if (phase === 'answering') {
      if (running) this.#c.conclude(running, { outcome: 'unknown' });
      this.#tellInAnswer(end);
    }
    this.finish(end);
  }

  finish(end: SessionEnd | undefined): void {
    const line = this.#line;
    if (line.phase === 'closed') return;
    const reason = end ?? this.#reason;
    const atRest = line.phase === 'idle' && !reason && !line.session.ending;
    line.phase = 'closed';
    line.limit(undefined);
    line.session.busy = false;
    line.leaveUpstream(atRest);
    line.down.end();
    this.#c.closed(reason);
  }

  /** Runs it so that a fault ends this session and nothing else. */
  guard(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.fault(thrown);
    }
  }

  /** A peer that breaks the protocol ends its session, and nothing else. */
  fault(thrown: unknown): void {
    const { phase, session } = this.#line;
    const { code, message: detail, cause } = toPosternError(thrown, session.id);
    const facts = { session: session.id, code, detail, cause };
    this.#c.parts.log.warn('session ended by a protocol fault', facts);
    // While an answer is expected only the target is listened to, unless it waits for a file.
    const { running } = this.#line;
    if (running?.fileOpen) return this.abort({ reason: 'command-denied', detail });
    if (phase === 'answering' || phase === 'internal') return this.upstreamGone(detail);
    this.#line.tell({ reason: 'command-denied', detail }, 1);
    this.finish({ reason: 'command-denied', detail });
  }

  /** In the middle of an answer an ERR would be taken for data: only before its first byte. */
  #tellInAnswer(end: SessionEnd): void {
    const { running } = this.#line;
    const { answer } = this.#c;
    if (!running?.forwarded || answer.sentBytes > 0) return;
    this.#line.tell(end, answer.sequence, running.id || undefined);
  }
}
