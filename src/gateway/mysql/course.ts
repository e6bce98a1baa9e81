// SPDX-License-Identifier: Apache-2.0
import type { Decision, Denied } from '../../model/decision.ts';
import { frame, HEADER_BYTES } from '../../wire/mysql/framing.ts';
import { encodePlainOk } from '../../wire/mysql/ok.ts';
import type { Message } from '../../wire/mysql/packet-assembler.ts';
import type { DownstreamPayload } from '../../wire/mysql/payload.ts';
import { SERVER_STATUS_AUTOCOMMIT } from '../../wire/mysql/status.ts';
import type { GatewayParts, Kill } from '../parts.ts';
import { RequestDesk } from '../request.ts';
import { encodeDenial } from './accept.ts';
import { AnswerRelay, sequenceOf } from './answer-relay.ts';
import type { CommandReader } from './command-reader.ts';
import { Endings } from './endings.ts';
import { type Inspection, type Inspector, NO_FEATURES } from './inspect.ts';
import { killOwn, notYours } from './kill.ts';
import type { Line } from './line.ts';
import { LocalFile, unaskedFile } from './local-file.ts';
import {
  cutOff,
  endedBy,
  limitDenial,
  mayChangeUnseen,
  newRunning,
  type OutcomeKind,
  outcomeFacts,
  RESPONSE_KINDS,
  type RelayOptions,
  type Running,
} from './running.ts';

const DONE: OutcomeKind = { outcome: 'ok' };
const FAILED: OutcomeKind = { outcome: 'error' };

/** What the course of requests asks of the relay around it. */
export interface CourseControls {
  readonly inspector: Inspector;
  readonly reader: CommandReader;
  /** Takes up the next command, if it is there. */
  next(): void;
  closed: ConstructorParameters<typeof Endings>[1]['closed'];
}

/**
 * The course of one request after the other: decided, its intent recorded, sent to the target,
 * answered, its outcome recorded, and only then the last packet of its answer sent on.
 */
export class Course {
  readonly endings: Endings;
  readonly #o: RelayOptions;
  readonly #parts: GatewayParts;
  readonly #c: CourseControls;
  readonly #line: Line;
  readonly #desk: RequestDesk;
  readonly #answer: AnswerRelay;
  /** Decided, while its intent is being written. */
  #pending: Message | undefined;
  /** The end of an answer, while its outcome is being written. */
  #tail: Buffer | undefined;

  constructor(options: RelayOptions, line: Line, controls: CourseControls) {
    const { parts, session, state, downstream, upstream } = options;
    this.#o = options;
    this.#parts = parts;
    this.#c = controls;
    this.#line = line;
    this.#desk = new RequestDesk(parts, session);
    this.#answer = new AnswerRelay(
      { downstream: downstream.capabilities, upstream: upstream.capabilities },
      state,
      {
        send: (bytes) => line.toDownstream.send(bytes),
        ended: (bytes, lastAt) => this.#answered(bytes, lastAt),
        tooManyRows: (sequence) => this.#tooManyRows(sequence),
        localFile: (packet) => this.#localFile(packet),
      },
    );
    this.endings = new Endings(line, {
      parts,
      answer: this.#answer,
      conclude: (running, outcome) => this.#conclude(running, outcome),
      next: () => controls.next(),
      closed: (end) => controls.closed(end),
    });
  }

  /** Commands that name no data: forwarded without a record. */
  passOn(message: Message, inspection: Inspection): void {
    const answered = inspection.row.answer !== 'none';
    if (!this.#c.inspector.mayPass(message.payload)) {
      // Without an answer there is nobody to tell; the target does not know the statement either.
      if (!answered) return;
      return this.refuse('command-denied', 'no such prepared statement', message.nextSequence);
    }
    if (!answered) return this.#line.toUpstream.send(message.framed);
    this.#line.running = newRunning(inspection, {}, '', this.#parts.clock.monotonic());
    this.#forward(message);
  }

  decide(message: Message, inspection: Inspection): void {
    const decision = this.#desk.decide(inspection.question);
    if (!(decision instanceof Promise)) return this.#decided(message, inspection, decision);
    const line = this.#line;
    line.phase = 'recording';
    line.session.busy = true;
    void decision.then((late) =>
      this.endings.guard(() => {
        const { ending } = line.session;
        if (line.phase === 'recording') return this.#decided(message, inspection, late);
        if (line.phase !== 'ended' || !ending) return;
        line.tell(ending, message.nextSequence);
        this.endings.finish(ending);
      }),
    );
  }

  #decided(message: Message, inspection: Inspection, decision: Decision): void {
    const { question, account, row } = inspection;
    const { id, intent } = this.#desk.ask(row.name, question, account, decision);
    const line = this.#line;
    line.phase = 'recording';
    line.session.busy = true;
    if (decision.effect === 'deny') {
      this.#parts.audit.append(intent, () => this.deny(decision, message.nextSequence, id));
      return;
    }
    this.#pending = message;
    line.running = newRunning(inspection, decision.limits, id, this.#parts.clock.monotonic());
    this.#parts.audit.append(intent, this.#onIntentWritten);
  }

  readonly #onIntentWritten = (ok: boolean): void => {
    const line = this.#line;
    const message = this.#pending;
    const { running } = line;
    this.#pending = undefined;
    if (!message || !running) return;
    const { ending } = line.session;
    if (line.phase !== 'recording' || ending) {
      // The session ended while the intent was written: the target never saw this request.
      if (ok) this.#conclude(running, ending ? endedBy(ending) : { outcome: 'killed' });
      if (ending) line.tell(ending, message.nextSequence, running.id);
      this.endings.finish(ending);
    } else if (ok) this.endings.guard(() => this.#forward(message));
    else {
      const detail = 'the audit cannot be written, so nothing is allowed';
      this.deny({ reason: 'audit-unavailable', detail }, message.nextSequence, running.id);
    }
  };

  #forward(message: Message): void {
    const line = this.#line;
    const { running } = line;
    if (!running) return;
    const { row, kill } = running.inspection;
    if (row.answer === 'none') return;
    if (kill) return this.#kill(kill, running, message.nextSequence);
    const { rowsPerRequest, requestTimeoutMs } = running.limits;
    line.phase = 'answering';
    running.forwarded = true;
    line.session.busy = true;
    this.#answer.begin(RESPONSE_KINDS[row.answer], message.nextSequence, rowsPerRequest);
    if (requestTimeoutMs !== undefined) this.#limitTime(requestTimeoutMs);
    line.toUpstream.send(message.framed);
  }

  #kill(kill: Kill, running: Running, sequence: number): void {
    const { sessions, killElsewhere } = this.#parts;
    const { principal, target } = this.#line.session;
    const asker = { principal, target: target.id };
    const answer = (done: boolean) => {
      const { capabilities } = this.#o.downstream;
      this.#tail = frame(
        done ? encodePlainOk(SERVER_STATUS_AUTOCOMMIT, capabilities) : notYours(kill),
        sequence,
      );
      this.#conclude(running, done ? DONE : FAILED, this.#onOutcomeWritten);
    };
    const done = killOwn(sessions, asker, kill);
    if (done || !killElsewhere) return answer(done);
    void killElsewhere(asker, kill).then((found) => this.endings.guard(() => answer(found)));
  }

  #limitTime(limitMs: number): void {
    const late = limitDenial('limit-time', `the request took longer than ${limitMs} ms`);
    this.#line.limit(this.#parts.clock.after(limitMs, () => this.endings.cut(late)));
  }

  /** Bytes of the target's answer; throws `malformed-message`. */
  take(chunk: Buffer): void {
    if (this.#line.running?.fileOpen) {
      return this.endings.upstreamGone('the target answered before it had the whole file');
    }
    this.#answer.take(chunk);
  }

  #tooManyRows(sequence: number): void {
    const { running } = this.#line;
    if (!running) return;
    running.cutSequence = sequence;
    const { rowsPerRequest } = running.limits;
    const detail = `the answer has more than ${rowsPerRequest} rows; ask for fewer`;
    this.endings.cut(limitDenial('limit-rows', detail));
  }

  /** The target asks for the file of LOAD DATA LOCAL. */
  #localFile(packet: Buffer): void {
    const { running, toUpstream } = this.#line;
    if (!running) return;
    const { capabilities } = this.#o.downstream;
    const payload = packet.subarray(HEADER_BYTES);
    const problem = unaskedFile(payload, running.inspection, capabilities);
    if (problem !== undefined || running.file) {
      const detail = `${problem ?? 'the target asked for a second file'}; it got none`;
      this.#parts.log.warn(detail, { session: this.#line.session.id, request: running.id });
      return this.endings.abort({ reason: 'local-infile', detail });
    }
    const sequence = this.#answer.sendRequest();
    running.file = new LocalFile(this.#c.reader, sequence, (bytes) => toUpstream.send(bytes));
    running.fileOpen = true;
  }

  /** More of the file has come; throws `malformed-message`. */
  passFile(): void {
    const { running } = this.#line;
    if (!running?.file?.pass()) return;
    running.fileOpen = false;
    this.#answer.resume(this.#c.reader.sequence);
  }

  /** The target is done; `bytes` is what has not been sent, its last packet starts at `lastAt`. */
  #answered(bytes: Buffer, lastAt: number): void {
    const line = this.#line;
    const { running } = line;
    if (!running) return;
    const { state } = this.#o;
    line.limit(undefined);
    const { terminal, status, errno, statementId, parameters } = this.#answer.walker;
    if (terminal === 'ok' || terminal === 'eof') state.status(status);
    line.session.inTransaction = state.inTransaction;
    if (running.inspection.row.answer === 'prepare') {
      const { inspection } = running;
      const prepared = terminal === 'prepared' ? inspection : undefined;
      this.#c.inspector.prepared(prepared, statementId, parameters);
    }
    const limited = cutOff(running, errno);
    const sequence = running.cutSequence ?? sequenceOf(bytes, lastAt);
    const instead = limited && frame(encodeDenial(limited, running.id), sequence);
    this.#tail = instead ? Buffer.concat([bytes.subarray(0, lastAt), instead]) : bytes;
    line.phase = 'recording';
    if (!running.recorded) return this.#onOutcomeWritten();
    const outcome = limited ? endedBy(limited) : terminal === 'err' ? FAILED : DONE;
    this.#conclude(running, outcome, this.#onOutcomeWritten);
  }

  readonly #onOutcomeWritten = (): void => {
    const line = this.#line;
    const { running } = line;
    const tail = this.#tail;
    line.running = undefined;
    this.#tail = undefined;
    if (tail) line.toDownstream.send(tail);
    if (line.phase !== 'recording') return;
    // Not everything is reported, and an EOF tells that something changed but not what: ask again
    // before the next statement.
    if (running && (mayChangeUnseen(running.inspection) || this.#answer.walker.unreportedChange)) {
      this.#o.state.forget();
    }
    line.cancellation.whenOver(this.#idle);
  };

  #conclude(running: Running, outcome: OutcomeKind, written?: (ok: boolean) => void): void {
    if (!running.recorded) return;
    const facts = outcomeFacts(outcome, running, this.#answer);
    this.#desk.conclude(running.id, running.startedAt, facts, written);
  }

  readonly #idle = (): void => {
    const line = this.#line;
    if (line.phase === 'closed') return;
    const { session, down } = line;
    line.phase = session.ending ? 'ended' : 'idle';
    session.busy = false;
    if (down.isPaused()) down.resume();
    if (session.ending) this.endings.stop(session.ending);
    else this.endings.guard(() => this.#c.next());
  };

  /** An answer of the gateway's own. */
  answer(payload: DownstreamPayload, sequence: number): void {
    this.#line.send(payload, sequence);
    this.#line.running = undefined;
    this.#idle();
  }

  deny(denial: Pick<Denied, 'reason' | 'detail'>, sequence: number, id?: string): void {
    this.#pending = undefined;
    this.answer(encodeDenial(denial, id ?? this.#parts.ids.decision()), sequence);
  }

  /** A denial that is not a decision about rules: recorded, then told. */
  refuse(reason: Denied['reason'], detail: string, sequence: number): void {
    const denial: Denied = { effect: 'deny', reason, detail, rules: [] };
    const question = { kind: 'other', needs: [], features: NO_FEATURES } as const;
    const { id, intent } = this.#desk.ask('COM_UNKNOWN', question, { needs: [] }, denial);
    this.#line.phase = 'recording';
    this.#parts.audit.append(intent, () => this.deny(denial, sequence, id));
  }
}
