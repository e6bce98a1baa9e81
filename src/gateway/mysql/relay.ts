// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { RequestOutcome } from '../../audit/record.ts';
import type { Timer } from '../../model/clock.ts';
import type { Denied } from '../../model/decision.ts';
import { problemText, toPosternError } from '../../model/errors.ts';
import { Pump } from '../../net/pump.ts';
import { CLIENT_DEPRECATE_EOF, hasCapability } from '../../wire/mysql/capabilities.ts';
import { COM } from '../../wire/mysql/commands.ts';
import { frame } from '../../wire/mysql/framing.ts';
import type { Message } from '../../wire/mysql/packet-assembler.ts';
import type { DownstreamPayload, UpstreamPayload } from '../../wire/mysql/payload.ts';
import type { Session, SessionEnd } from '../live-session.ts';
import type { GatewayParts } from '../parts.ts';
import { RequestDesk } from '../request.ts';
import { encodeDenial } from './accept.ts';
import { AnswerRelay, sequenceOf } from './answer-relay.ts';
import { Cancellation } from './cancellation.ts';
import { CommandReader } from './command-reader.ts';
import { type Inspection, Inspector, NO_FEATURES } from './inspect.ts';
import type { InternalExchange } from './internal-exchange.ts';
import { killOwn } from './kill.ts';
import { OwnCommands } from './own-commands.ts';
import { Rewrites } from './rewrites.ts';
import {
  CANCELLED,
  cutOff,
  isStatement,
  limitDenial,
  mayChangeUnseen,
  newRunning,
  OUT_OF_MEMORY,
  outcomeFacts,
  type Phase,
  RESPONSE_KINDS,
  type RelayOptions,
  type Running,
} from './running.ts';
import type { SessionState } from './session-state.ts';
import { concludePreparation } from './upstream.ts';

/** How long an idle, ended session waits to tell its principal why on the next command. */
const FAREWELL_MS = 3_000;
/** A target that does not react to KILL QUERY for so long is given up. */
const CANCEL_GRACE_MS = 5_000;

/**
 * Relays one session: a command at a time is inspected, decided and recorded before its first byte
 * goes upstream; the last packet of its answer goes downstream after its outcome is recorded.
 */
export class MysqlRelay {
  readonly #o: RelayOptions;
  readonly #parts: GatewayParts;
  readonly #session: Session;
  readonly #state: SessionState;
  readonly #down: Socket;
  readonly #up: Socket;
  readonly #toUpstream: Pump;
  readonly #toDownstream: Pump;
  readonly #reader: CommandReader;
  readonly #answer: AnswerRelay;
  readonly #desk: RequestDesk;
  readonly #inspector: Inspector;
  readonly #own: OwnCommands;
  readonly #rewrites: Rewrites;
  readonly #cancellation: Cancellation;
  #phase: Phase = 'idle';
  #running: Running | undefined;
  #tail: Buffer | undefined;
  #pending: Message | undefined;
  #timer: Timer | undefined;
  #reason: SessionEnd | undefined;
  #resolve: (end: SessionEnd | undefined) => void = () => undefined;

  constructor(options: RelayOptions) {
    this.#o = options;
    this.#parts = options.parts;
    this.#session = options.session;
    this.#state = options.state;
    this.#down = options.downstream.socket;
    this.#up = options.upstream.socket;
    this.#reader = new CommandReader(options.parts.buffers, options.parts.limits.requestBytes);
    this.#toUpstream = new Pump(this.#down, this.#up);
    this.#toDownstream = new Pump(this.#up, this.#down);
    this.#desk = new RequestDesk(options.parts, options.session);
    this.#inspector = new Inspector(options.state, options.statements);
    const { capabilities, settled } = options.downstream;
    this.#cancellation = new Cancellation(
      () => options.cancel(options.upstream.connectionId),
      (problem) => options.parts.log.warn(problem, { session: options.session.id }),
    );
    this.#answer = new AnswerRelay(
      { downstream: capabilities, upstream: options.upstream.capabilities },
      options.state,
      {
        send: (bytes) => this.#toDownstream.send(bytes),
        ended: (bytes, lastAt) => this.#answered(bytes, lastAt),
        tooManyRows: (sequence) => this.#tooManyRows(sequence),
      },
    );
    this.#own = new OwnCommands(
      hasCapability(options.upstream.capabilities, CLIENT_DEPRECATE_EOF),
      (bytes) => this.#toUpstream.send(bytes),
      options.parts.clock,
    );
    this.#rewrites = new Rewrites({
      parts: options.parts,
      session: options.session,
      inspector: this.#inspector,
      capabilities,
      settled,
      answer: (payload, sequence) => this.#answerSelf(payload, sequence),
      deny: (denial, sequence) => this.#deny(denial, sequence),
      exchange: (commands, done) => this.#runInternal(commands, done),
      ask: (payload, sequence) => this.#send(payload, sequence),
      guard: (run) => this.#guard(run),
      reader: this.#reader,
      downstream: this.#down,
      end: (end) => this.#finish(end),
    });
  }

  /** Resolves when both connections are done with; never rejects. */
  run(): Promise<SessionEnd | undefined> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#down.on('data', this.#onDownstream);
      this.#up.on('data', this.#onUpstream);
      const left = () => this.#downstreamGone();
      this.#down.on('error', left).on('end', left).on('close', left);
      this.#up.on('error', (cause) => this.#upstreamGone(problemText(cause)));
      this.#up.on('close', () => this.#upstreamGone('the target closed the connection'));
      this.#session.attach(
        (end) => this.#stop(end),
        () => this.#cut(CANCELLED),
      );
      const { early } = this.#o.downstream;
      if (this.#o.upstream.pending.length > 0) this.#upstreamGone('unexpected bytes after login');
      // Whoever left before there was anybody to hear it does not say so again.
      if (this.#up.destroyed) this.#upstreamGone('the target closed the connection');
      if (this.#down.destroyed || this.#down.readableEnded) this.#downstreamGone();
      if (early.length > 0) this.#onDownstream(early);
      this.#down.resume();
      this.#up.resume();
    });
  }

  // Towards the target

  readonly #onDownstream = (chunk: Buffer): void => {
    try {
      this.#reader.push(chunk);
      this.#next();
      // A peer that does not wait for answers may not make us hold whatever it sends meanwhile.
      if (this.#phase !== 'idle' && this.#reader.holdsEnough) this.#down.pause();
    } catch (thrown) {
      this.#fault(thrown);
    }
  };

  /** Takes up the next command when nothing is under way. */
  #next(): void {
    while (this.#phase === 'idle' || this.#phase === 'ended') {
      const message = this.#reader.next(0);
      if (message === undefined) return;
      if (message === 'no-memory') {
        this.#tell(OUT_OF_MEMORY, 1);
        return this.#finish(OUT_OF_MEMORY);
      }
      if (message === 'oversize') this.#tooLarge(this.#reader.oversizeCommand);
      else this.#command(message);
    }
  }

  #tooLarge(command: number | undefined): void {
    const detail = `a request may have ${this.#parts.limits.requestBytes} bytes`;
    // Nobody waits for an answer, and without the value the statement must not run.
    if (command === COM.COM_STMT_SEND_LONG_DATA) {
      return this.#finish({ reason: 'limit-size', detail });
    }
    // It may have been a PREPARE, which then is the last one.
    this.#inspector.prepared(undefined);
    this.#refuse('limit-size', detail, this.#reader.sequence);
  }

  #command(message: Message): void {
    const code = message.payload[0];
    if (code === COM.COM_QUIT) return this.#finish(undefined);
    const { ending } = this.#session;
    if (ending) {
      this.#tell(ending, message.nextSequence);
      return this.#finish(ending);
    }
    if (isStatement(code) && this.#state.worthAsking) {
      return this.#rewrites.resynchronise(() => this.#command(message));
    }
    const inspection = this.#inspector.inspect(message.payload);
    const { row } = inspection;
    if (row.answer === 'none' || row.handling === 'pass') this.#passOn(message, inspection);
    else if (row.handling === 'rewrite') {
      this.#phase = 'recording';
      this.#session.busy = true;
      this.#rewrites.take(message, inspection);
    } else this.#decide(message, inspection);
  }

  /** Commands that name no data: forwarded without a record. */
  #passOn(message: Message, inspection: Inspection): void {
    const answered = inspection.row.answer !== 'none';
    if (!this.#inspector.mayPass(message.payload)) {
      // Without an answer there is nobody to tell; the target does not know the statement either.
      if (!answered) return;
      return this.#refuse('command-denied', 'no such prepared statement', message.nextSequence);
    }
    if (!answered) return this.#toUpstream.send(message.framed);
    this.#running = newRunning(inspection, {}, '', this.#parts.clock.monotonic());
    this.#forward(message);
  }

  #decide(message: Message, inspection: Inspection): void {
    const { question, account, row } = inspection;
    const { id, decision, intent } = this.#desk.ask(row.name, question, account);
    this.#phase = 'recording';
    this.#session.busy = true;
    if (decision.effect === 'deny') {
      this.#parts.audit.append(intent, () => this.#deny(decision, message.nextSequence, id));
      return;
    }
    this.#pending = message;
    this.#running = newRunning(inspection, decision.limits, id, this.#parts.clock.monotonic());
    this.#parts.audit.append(intent, this.#onIntentWritten);
  }

  readonly #onIntentWritten = (ok: boolean): void => {
    const message = this.#pending;
    const running = this.#running;
    this.#pending = undefined;
    if (!message || !running) return;
    const { ending } = this.#session;
    if (this.#phase !== 'recording' || ending) {
      // The session ended while the intent was written: the target never saw this request.
      if (ok) this.#recordOutcome(running, 'killed');
      if (ending) this.#tell(ending, message.nextSequence, running.id);
      this.#finish(ending);
    } else if (ok) this.#guard(() => this.#forward(message));
    else {
      const detail = 'the audit cannot be written, so nothing is allowed';
      this.#deny({ reason: 'audit-unavailable', detail }, message.nextSequence, running.id);
    }
  };

  #forward(message: Message): void {
    const running = this.#running;
    if (!running) return;
    const { row, kill } = running.inspection;
    if (row.answer === 'none') return;
    if (kill) {
      const { capabilities } = this.#o.downstream;
      const { done, answer } = killOwn(this.#parts.sessions, this.#session, kill, capabilities);
      this.#tail = frame(answer, message.nextSequence);
      return this.#recordOutcome(running, done ? 'ok' : 'error', this.#onOutcomeWritten);
    }
    const { rowsPerRequest, requestTimeoutMs } = running.limits;
    this.#phase = 'answering';
    running.forwarded = true;
    this.#session.busy = true;
    this.#answer.begin(RESPONSE_KINDS[row.answer], message.nextSequence, rowsPerRequest);
    if (requestTimeoutMs !== undefined) {
      this.#timer = this.#parts.clock.after(requestTimeoutMs, () => {
        this.#cut(limitDenial('limit-time', `the request took longer than ${requestTimeoutMs} ms`));
      });
    }
    this.#toUpstream.send(message.framed);
  }

  // Towards the principal

  readonly #onUpstream = (chunk: Buffer): void => {
    try {
      if (this.#phase === 'answering') this.#answer.take(chunk);
      else if (this.#phase === 'internal') this.#own.feed(chunk);
      else this.#upstreamGone('the target spoke out of turn');
    } catch (thrown) {
      this.#fault(thrown);
    }
  };

  #tooManyRows(sequence: number): void {
    const running = this.#running;
    if (!running) return;
    running.cutSequence = sequence;
    const { rowsPerRequest } = running.limits;
    const detail = `the answer has more than ${rowsPerRequest} rows; ask for fewer`;
    this.#cut(limitDenial('limit-rows', detail));
  }

  /** The target is done; `bytes` is what has not been sent, its last packet starts at `lastAt`. */
  #answered(bytes: Buffer, lastAt: number): void {
    const running = this.#running;
    if (!running) return;
    this.#timer?.stop();
    this.#timer = undefined;
    const { terminal, status, errno, statementId } = this.#answer.walker;
    if (terminal === 'ok' || terminal === 'eof') this.#state.status(status);
    this.#session.inTransaction = this.#state.inTransaction;
    if (running.inspection.row.answer === 'prepare') {
      const { inspection } = running;
      this.#inspector.prepared(terminal === 'prepared' ? inspection : undefined, statementId);
    }
    const limited = cutOff(running, errno);
    const sequence = running.cutSequence ?? sequenceOf(bytes, lastAt);
    const instead = limited && frame(encodeDenial(limited, running.id), sequence);
    this.#tail = instead ? Buffer.concat([bytes.subarray(0, lastAt), instead]) : bytes;
    this.#phase = 'recording';
    if (!running.recorded) return this.#onOutcomeWritten();
    const outcome = limited ? 'limited' : terminal === 'err' ? 'error' : 'ok';
    this.#recordOutcome(running, outcome, this.#onOutcomeWritten);
  }

  readonly #onOutcomeWritten = (): void => {
    const running = this.#running;
    const tail = this.#tail;
    this.#running = undefined;
    this.#tail = undefined;
    if (tail) this.#toDownstream.send(tail);
    if (this.#phase !== 'recording') return;
    // Not everything is reported, and an EOF tells that something changed but not what: ask again
    // before the next statement.
    if (running && (mayChangeUnseen(running.inspection) || this.#answer.walker.unreportedChange)) {
      this.#state.forget();
    }
    this.#cancellation.whenOver(this.#idle);
  };

  #recordOutcome(
    running: Running,
    outcome: RequestOutcome['outcome'],
    written?: (ok: boolean) => void,
  ): void {
    if (!running.recorded) return;
    const facts = outcomeFacts(outcome, running, this.#answer);
    this.#desk.conclude(running.id, running.startedAt, facts, written);
  }

  readonly #idle = (): void => {
    if (this.#phase === 'closed') return;
    this.#phase = this.#session.ending ? 'ended' : 'idle';
    this.#session.busy = false;
    if (this.#down.isPaused()) this.#down.resume();
    if (this.#session.ending) this.#stop(this.#session.ending);
    else this.#guard(() => this.#next());
  };

  // Answers of the gateway's own

  #send(payload: DownstreamPayload, sequence: number): void {
    this.#toDownstream.send(frame(payload, sequence));
  }

  #answerSelf(payload: DownstreamPayload, sequence: number): void {
    this.#send(payload, sequence);
    this.#running = undefined;
    this.#idle();
  }

  #tell(end: SessionEnd, sequence: number, id = this.#session.closingId): void {
    this.#send(encodeDenial(end, id), sequence);
  }

  /** In the middle of an answer an ERR would be taken for data: only before its first byte. */
  #tellInAnswer(end: SessionEnd): void {
    if (!this.#running?.forwarded || this.#answer.sentBytes > 0) return;
    this.#tell(end, this.#answer.walker.sequence, this.#running.id || undefined);
  }

  #deny(denial: Pick<Denied, 'reason' | 'detail'>, sequence: number, id?: string): void {
    this.#pending = undefined;
    this.#answerSelf(encodeDenial(denial, id ?? this.#parts.ids.decision()), sequence);
  }

  /** A denial that is not a decision about rules: recorded, then told. */
  #refuse(reason: Denied['reason'], detail: string, sequence: number): void {
    const refusal = { reason, detail };
    const question = { kind: 'other', needs: [], features: NO_FEATURES, refusal } as const;
    const { id, intent } = this.#desk.ask('COM_UNKNOWN', question, { needs: [] });
    this.#phase = 'recording';
    this.#parts.audit.append(intent, () => this.#deny(refusal, sequence, id));
  }

  /** Commands of our own on the principal's connection. */
  #runInternal(
    commands: readonly UpstreamPayload[],
    done: (exchange: InternalExchange) => void,
  ): void {
    // The session may have ended while its principal was asked for a proof.
    if (this.#phase === 'ended' || this.#phase === 'closed') return;
    this.#phase = 'internal';
    this.#session.busy = true;
    const late = () => this.#upstreamGone('the target did not answer while it was prepared');
    this.#own.run(commands, this.#parts.limits.targetTimeout, late, (exchange) => {
      this.#phase = 'recording';
      concludePreparation(exchange, this.#state, this.#session.target.id);
      done(exchange);
    });
  }

  // Endings

  /** Ends the request under way with this denial as its answer; the session goes on. */
  #cut(denial: Denied): void {
    const running = this.#running;
    if (this.#phase !== 'answering' || !running || running.cut) return;
    running.cut = denial;
    this.#cancellation.start();
    this.#timer?.stop();
    this.#timer = this.#parts.clock.after(CANCEL_GRACE_MS, () => this.#abort(denial));
  }

  /** The session must end: at once when something runs, else on the next command or soon. */
  #stop(end: SessionEnd): void {
    if (this.#phase === 'closed') return;
    if (this.#phase === 'answering' || this.#phase === 'internal') return this.#abort(end);
    if (this.#phase === 'recording' && this.#running) return;
    this.#phase = 'ended';
    this.#reason = end;
    this.#up.destroy();
    this.#timer = this.#parts.clock.after(FAREWELL_MS, () => this.#finish(end));
    this.#guard(() => this.#next());
  }

  /** Ends within an answer, which is cancelled unless the lease is revoked with all it runs. */
  #abort(end: SessionEnd): void {
    const running = this.#running;
    if (this.#phase === 'closed') return;
    if (running && !this.#session.leaseRevoked) this.#cancellation.start();
    this.#phase = 'ended';
    this.#up.destroy();
    if (running) this.#recordOutcome(running, 'killed');
    this.#tellInAnswer(end);
    this.#finish(end);
  }

  #downstreamGone(): void {
    if (this.#phase === 'closed') return;
    if (this.#phase === 'answering' && this.#running) {
      // The target would go on working for nobody; what it did by now is not known.
      this.#cancellation.start();
      this.#recordOutcome(this.#running, 'killed');
    }
    this.#finish(undefined);
  }

  #upstreamGone(problem: string): void {
    if (this.#phase === 'ended' || this.#phase === 'closed') return;
    const end: SessionEnd = this.#session.ending ?? {
      reason: 'target-unavailable',
      detail: `${problem}; connect again`,
    };
    const running = this.#running;
    const wasAnswering = this.#phase === 'answering';
    this.#phase = 'ended';
    if (running && wasAnswering) this.#recordOutcome(running, 'unknown');
    if (wasAnswering) this.#tellInAnswer(end);
    this.#finish(end);
  }

  #finish(end: SessionEnd | undefined): void {
    if (this.#phase === 'closed') return;
    this.#phase = 'closed';
    this.#timer?.stop();
    this.#own.stop();
    this.#session.busy = false;
    this.#reader.close();
    this.#up.destroy();
    this.#down.end();
    this.#resolve(end ?? this.#reason);
  }

  #guard(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      this.#fault(thrown);
    }
  }

  /** A peer that breaks the protocol ends its session, and nothing else. */
  #fault(thrown: unknown): void {
    const { id: session } = this.#session;
    const { code, message: detail, cause } = toPosternError(thrown, session);
    this.#parts.log.warn('session ended by a protocol fault', { session, code, detail, cause });
    // While an answer is expected only the target is listened to.
    if (this.#phase === 'answering' || this.#phase === 'internal') {
      return this.#upstreamGone(detail);
    }
    this.#tell({ reason: 'command-denied', detail }, 1);
    this.#finish({ reason: 'command-denied', detail });
  }
}
