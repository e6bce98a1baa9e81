// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { RequestOutcome } from '../../audit/record.ts';
import type { Allowed, Denied } from '../../model/decision.ts';
import { problemText, toPosternError } from '../../model/errors.ts';
import type { Timer } from '../../model/clock.ts';
import { Pump } from '../../net/pump.ts';
import type { MysqlUpstream } from '../../target/mysql/login.ts';
import {
  type Capabilities,
  CLIENT_DEPRECATE_EOF,
  CLIENT_SESSION_TRACK,
  hasCapability,
} from '../../wire/mysql/capabilities.ts';
import { COM } from '../../wire/mysql/commands.ts';
import { frame, HEADER_BYTES } from '../../wire/mysql/framing.ts';
import { decodeOk, encodeOk } from '../../wire/mysql/ok.ts';
import { type Message, PacketAssembler } from '../../wire/mysql/packet-assembler.ts';
import type { DownstreamPayload, UpstreamPayload } from '../../wire/mysql/payload.ts';
import { type ResponseKind, ResponseWalker } from '../../wire/mysql/response-walker.ts';
import { decodeSessionTrack } from '../../wire/mysql/session-track.ts';
import type { Session, SessionEnd } from '../live-session.ts';
import type { GatewayParts } from '../parts.ts';
import { RequestDesk } from '../request.ts';
import { encodeDenial } from './accept.ts';
import type { Answer } from './commands.ts';
import { type Inspection, Inspector } from './inspect.ts';
import { InternalExchange } from './internal-exchange.ts';
import { Rewrites } from './rewrites.ts';
import type { SessionState } from './session-state.ts';
import type { StatementCache } from './statements.ts';
import { concludePreparation } from './upstream.ts';

export interface RelayOptions {
  readonly parts: GatewayParts;
  readonly session: Session;
  readonly state: SessionState;
  readonly statements: StatementCache;
  readonly downstream: {
    readonly socket: Socket;
    readonly early: Buffer;
    readonly capabilities: Capabilities;
    /** The transport settled the identity: COM_CHANGE_USER needs no proof of its own. */
    readonly settled: boolean;
  };
  readonly upstream: MysqlUpstream;
  /** KILL QUERY on another connection. */
  readonly cancel: (connectionId: number) => Promise<void>;
}

/**
 * `idle`: between commands. `recording`: an intent or outcome is being written. `answering`: the
 * target works. `internal`: commands of our own are under way. `skipping`: an oversize request is
 * passed over. `ended`: nothing more goes upstream.
 */
type Phase = 'idle' | 'recording' | 'answering' | 'internal' | 'skipping' | 'ended';

interface Running {
  readonly id: string;
  readonly inspection: Inspection;
  /** False for commands that are passed without a record. */
  readonly recorded: boolean;
  readonly limits: Allowed['limits'];
  readonly startedAt: number;
  /** Bytes of the answer that have gone downstream. */
  sentBytes: number;
  /** Set when the gateway ends the request: this denial is the answer, whatever comes. */
  cut?: Denied;
  cutSequence?: number;
}

const RESPONSE_KINDS: Readonly<Record<Exclude<Answer, 'none'>, ResponseKind>> = {
  query: 'query',
  prepare: 'prepare',
  execute: 'execute',
  fetch: 'fetch',
  fields: 'field-list',
  text: 'statistics',
  ok: 'simple',
};

/** How long an idle, ended session waits to tell its principal why on the next command. */
const FAREWELL_MS = 3_000;
/** A target that does not react to KILL QUERY for so long is given up. */
const CANCEL_GRACE_MS = 5_000;
/** Larger requests count against the process's buffer budget. */
const COUNTED_BYTES = 65_536;
/** ER_QUERY_INTERRUPTED, ER_CONNECTION_KILLED, ER_STATEMENT_TIMEOUT: our own KILL as answered. */
const INTERRUPTED = new Set([1317, 1927, 1969]);

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
  readonly #assembler = new PacketAssembler();
  readonly #walker: ResponseWalker;
  readonly #desk: RequestDesk;
  readonly #inspector: Inspector;
  readonly #rewrites: Rewrites;
  #phase: Phase = 'idle';
  #running: Running | undefined;
  #held: Buffer | undefined;
  #tail: Buffer | undefined;
  #pending: Message | undefined;
  #timer: Timer | undefined;
  #exchange: { readonly feed: InternalExchange; readonly done: () => void } | undefined;
  #budgetBytes = 0;
  #reason: SessionEnd | undefined;
  #resolve: (end: SessionEnd | undefined) => void = () => undefined;

  constructor(options: RelayOptions) {
    this.#o = options;
    this.#parts = options.parts;
    this.#session = options.session;
    this.#state = options.state;
    this.#down = options.downstream.socket;
    this.#up = options.upstream.socket;
    this.#toUpstream = new Pump(this.#down, this.#up);
    this.#toDownstream = new Pump(this.#up, this.#down);
    this.#desk = new RequestDesk(options.parts, options.session);
    this.#inspector = new Inspector(options.state, options.statements);
    this.#walker = new ResponseWalker(
      {
        deprecateEof: hasCapability(options.upstream.capabilities, CLIENT_DEPRECATE_EOF),
        sessionTrack: true,
        cacheMetadata: false,
        stopAtOk: !hasCapability(options.downstream.capabilities, CLIENT_SESSION_TRACK),
      },
      { sessionState: (chunk, start, end) => this.#learn(chunk.subarray(start, end)) },
    );
    this.#rewrites = new Rewrites({
      parts: options.parts,
      session: options.session,
      inspector: this.#inspector,
      capabilities: options.downstream.capabilities,
      settled: options.downstream.settled,
      answer: (payload, sequence) => this.#answerSelf(payload, sequence),
      deny: (denial, sequence) => this.#deny(denial, sequence),
      exchange: (commands, done) => this.#runInternal(commands, done),
      ask: (payload, sequence) => this.#send(payload, sequence),
      resume: () => this.#idle(),
      readNext: (sequence, take) => this.#readNext(sequence, take),
      end: (end) => this.#finish(end),
    });
  }

  /** Resolves when both connections are done with; never rejects. */
  run(): Promise<SessionEnd | undefined> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      this.#down.on('data', (chunk: Buffer) => this.#guard(() => this.#onDownstream(chunk)));
      this.#up.on('data', (chunk: Buffer) => this.#guard(() => this.#onUpstream(chunk)));
      this.#down.on('error', () => this.#downstreamGone());
      this.#down.on('end', () => this.#downstreamGone());
      this.#down.on('close', () => this.#downstreamGone());
      this.#up.on('error', (cause) => this.#upstreamGone(problemText(cause)));
      this.#up.on('close', () => this.#upstreamGone('the target closed the connection'));
      this.#session.attach(
        (end) => this.#stop(end),
        () => this.#cut({ effect: 'deny', rules: [], ...killed() }),
      );
      const { early } = this.#o.downstream;
      if (this.#o.upstream.pending.length > 0) this.#upstreamGone('unexpected bytes after login');
      if (early.length > 0) this.#guard(() => this.#onDownstream(early));
      this.#down.resume();
      this.#up.resume();
    });
  }

  // Towards the target

  #onDownstream(chunk: Buffer): void {
    this.#assembler.push(chunk);
    this.#account();
    this.#next();
  }

  /** Takes up the next command when nothing is under way. */
  #next(): void {
    while (this.#phase === 'idle' || this.#phase === 'ended' || this.#phase === 'skipping') {
      if (this.#phase === 'skipping') {
        if (!this.#assembler.stream().ended) return;
        this.#phase = 'idle';
        const limit = this.#parts.limits.requestBytes;
        this.#refuse('limit-size', `a request may have ${limit} bytes`, this.#assembler.sequence);
        continue;
      }
      this.#assembler.expectSequence(0);
      const message = this.#assembler.next(this.#parts.limits.requestBytes);
      if (message === undefined) return;
      if (message === 'too-large') {
        this.#phase = this.#phase === 'ended' ? 'ended' : 'skipping';
        if (this.#phase === 'ended') return;
        continue;
      }
      this.#account();
      this.#command(message);
    }
  }

  #command(message: Message): void {
    const code = message.payload[0];
    if (code === COM.COM_QUIT) {
      this.#finish(undefined);
      return;
    }
    if (this.#session.ending) {
      const { reason, detail } = this.#session.ending;
      this.#send(encodeDenial({ reason, detail }, this.#parts.ids.decision()), message.nextSequence);
      this.#finish(this.#session.ending);
      return;
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
    const { payload } = message;
    const code = payload[0];
    if (code !== COM.COM_PING && code !== COM.COM_STATISTICS) {
      const id = payload.length >= 5 ? payload.readUInt32LE(1) : 0;
      const known = this.#inspector.knows(id);
      if (code === COM.COM_STMT_CLOSE) this.#inspector.closed(id);
      // Without an answer there is nobody to tell; the statement was never prepared upstream.
      if (!known && inspection.row.answer === 'none') return;
      if (!known) {
        this.#refuse('command-denied', 'no such prepared statement', message.nextSequence);
        return;
      }
    }
    if (inspection.row.answer === 'none') this.#toUpstream.send(message.framed);
    else {
      this.#running = this.#start(inspection, { limits: {} }, '', false);
      this.#forward(message);
    }
  }

  #decide(message: Message, inspection: Inspection): void {
    const decision = this.#desk.decide(inspection.question);
    const id = this.#parts.ids.decision();
    const { question, account, row } = inspection;
    this.#session.requests += 1;
    const why = decision.effect === 'deny' ? decision : decision.wouldDeny;
    this.#parts.meter.requestDecided(
      this.#session.target.id,
      decision.effect === 'deny' ? 'deny' : why ? 'would-deny' : 'allow',
      why?.reason ?? '',
    );
    this.#phase = 'recording';
    this.#session.busy = true;
    this.#pending = message;
    const intent = this.#desk.intent(id, row.name, question, account, decision);
    if (decision.effect === 'deny') {
      if (message.payload[0] === COM.COM_STMT_PREPARE) this.#inspector.prepared(undefined);
      this.#parts.audit.append(intent, () =>
        this.#deny(decision, message.nextSequence, id),
      );
      return;
    }
    this.#running = this.#start(inspection, decision, id, true);
    this.#parts.audit.append(intent, this.#onIntentWritten);
  }

  readonly #onIntentWritten = (ok: boolean): void => {
    const message = this.#pending;
    this.#pending = undefined;
    if (!message || this.#phase !== 'recording') return;
    if (this.#session.ending) {
      const { reason, detail } = this.#session.ending;
      this.#deny({ reason, detail }, message.nextSequence, this.#running?.id);
      this.#finish(this.#session.ending);
    } else if (ok) this.#guard(() => this.#forward(message));
    else {
      const detail = 'the audit cannot be written, so nothing is allowed';
      this.#deny({ reason: 'audit-unavailable', detail }, message.nextSequence, this.#running?.id);
    }
  };

  #start(
    inspection: Inspection,
    { limits }: Pick<Allowed, 'limits'>,
    id: string,
    recorded: boolean,
  ): Running {
    const startedAt = this.#parts.clock.monotonic();
    return { id, inspection, recorded, limits, startedAt, sentBytes: 0 };
  }

  #forward(message: Message): void {
    const running = this.#running;
    if (!running) return;
    const { row } = running.inspection;
    if (row.answer === 'none') return;
    const { rowsPerRequest, requestTimeoutMs } = running.limits;
    this.#phase = 'answering';
    this.#session.busy = true;
    this.#walker.begin(RESPONSE_KINDS[row.answer], message.nextSequence, rowsPerRequest);
    if (requestTimeoutMs !== undefined) {
      this.#timer = this.#parts.clock.after(requestTimeoutMs, () => {
        const detail = `the request took longer than ${requestTimeoutMs} ms`;
        this.#cut({ effect: 'deny', reason: 'limit-time', detail, rules: [] });
      });
    }
    this.#toUpstream.send(message.framed);
  }

  // Towards the principal

  #onUpstream(chunk: Buffer): void {
    const held = this.#held;
    this.#held = undefined;
    const bytes = held ? Buffer.concat([held, chunk]) : chunk;
    if (this.#phase === 'answering') this.#relayAnswer(bytes);
    else if (this.#phase === 'internal') this.#feedInternal(bytes);
    else if (this.#phase !== 'ended') {
      this.#upstreamGone('the target spoke out of turn');
    }
  }

  #relayAnswer(chunk: Buffer): void {
    const running = this.#running;
    if (!running) return;
    const walker = this.#walker;
    let sent = 0;
    let at = 0;
    for (;;) {
      const result = walker.walk(chunk, at);
      if (!running.cut || running.cutSequence === undefined) {
        running.sentBytes += walker.position - sent;
        this.#toDownstream.send(chunk.subarray(sent, walker.position));
      }
      sent = walker.position;
      at = walker.position;
      if (result === 'more') {
        if (at < chunk.length) this.#held = chunk.subarray(at);
        return;
      }
      if (result === 'ended') {
        if (walker.packetEnd < chunk.length) throw toPosternError('bytes after an answer');
        this.#answered(running, chunk.subarray(at, walker.packetEnd));
        return;
      }
      if (result === 'result-ended') {
        const packet = this.#withoutTracking(chunk.subarray(at, walker.packetEnd));
        if (running.cutSequence === undefined) this.#toDownstream.send(packet);
        running.sentBytes += packet.length;
        sent = walker.packetEnd;
        at = walker.packetEnd;
      } else if (result === 'row-limit') {
        const limit = running.limits.rowsPerRequest;
        const detail = `the answer has more than ${limit} rows; ask for fewer`;
        running.cutSequence = walker.sequence;
        this.#cut({ effect: 'deny', reason: 'limit-rows', detail, rules: [] });
        walker.liftRowLimit();
      } else throw toPosternError('the target asked for a local file that was not offered');
    }
  }

  /** The target is done; `packet` is the last of its answer, still held back. */
  #answered(running: Running, packet: Buffer): void {
    this.#timer?.stop();
    this.#timer = undefined;
    const { terminal, status, errno } = this.#walker;
    if (terminal === 'ok' || terminal === 'eof') this.#state.status(status);
    this.#session.inTransaction = this.#state.inTransaction;
    this.#prepareAnswered(running, terminal);
    const cut = running.cut && (running.cutSequence !== undefined || INTERRUPTED.has(errno));
    if (cut && running.cut) {
      const sequence = running.cutSequence ?? packet[HEADER_BYTES - 1] ?? 1;
      this.#tail = frame(encodeDenial(running.cut, running.id), sequence);
    } else this.#tail = terminal === 'ok' ? this.#withoutTracking(packet) : packet;
    this.#phase = 'recording';
    if (!running.recorded) return this.#onOutcomeWritten();
    const outcome = cut ? 'limited' : terminal === 'err' ? 'error' : 'ok';
    this.#recordOutcome(running, outcome, this.#onOutcomeWritten);
  }

  #prepareAnswered(running: Running, terminal: ResponseWalker['terminal']): void {
    if (running.inspection.row.answer !== 'prepare') return;
    if (terminal === 'prepared') {
      this.#inspector.prepared(running.inspection, this.#walker.statementId);
    } else this.#inspector.prepared(undefined);
  }

  readonly #onOutcomeWritten = (): void => {
    const running = this.#running;
    const tail = this.#tail;
    this.#running = undefined;
    this.#tail = undefined;
    if (tail) this.#toDownstream.send(tail);
    if (this.#phase !== 'recording') return;
    // A routine may have switched tracking off inside: ask again before the next statement.
    if (running && callsRoutine(running.inspection)) {
      this.#state.forget();
      this.#guard(() => this.#rewrites.resynchronise());
    } else this.#idle();
  };

  #recordOutcome(
    running: Running,
    outcome: RequestOutcome['outcome'],
    written?: (ok: boolean) => void,
  ): void {
    const durationMs = this.#parts.clock.monotonic() - running.startedAt;
    const { rows, errno } = this.#walker;
    this.#parts.meter.requestDone(this.#session.target.id, outcome, durationMs, rows);
    this.#parts.audit.append(
      this.#desk.outcome(running.id, {
        outcome,
        ...(outcome === 'error' && { errno }),
        rows: rows > 0 ? rows : this.#walker.affectedRows,
        bytes: running.sentBytes,
        durationMs: Math.round(durationMs * 1000) / 1000,
      }),
      written,
    );
  }

  #idle(): void {
    this.#phase = this.#session.ending ? 'ended' : 'idle';
    this.#session.busy = false;
    if (this.#session.ending) this.#stop(this.#session.ending);
    else this.#guard(() => this.#next());
  }

  /** Session-track information is for those that negotiated it. */
  #withoutTracking(packet: Buffer): Buffer {
    const { downstream, upstream } = this.#o;
    if (hasCapability(downstream.capabilities, CLIENT_SESSION_TRACK)) return packet;
    const ok = decodeOk(packet.subarray(HEADER_BYTES), upstream.capabilities);
    return frame(encodeOk(ok, downstream.capabilities), packet[HEADER_BYTES - 1] ?? 1);
  }

  #learn(block: Buffer): void {
    for (const change of decodeSessionTrack(block)) {
      if (change.type === 'system-variable') this.#state.systemVariable(change.name, change.value);
      else if (change.type === 'schema') this.#state.schema = change.name || undefined;
    }
  }

  // Answers of the gateway's own

  #send(payload: DownstreamPayload, sequence: number): void {
    this.#toDownstream.send(frame(payload, sequence));
  }

  #answerSelf(payload: DownstreamPayload, sequence: number): void {
    this.#send(payload, sequence);
    this.#running = undefined;
    this.#idle();
  }

  #deny(denial: Pick<Denied, 'reason' | 'detail'>, sequence: number, id?: string): void {
    this.#pending = undefined;
    this.#answerSelf(encodeDenial(denial, id ?? this.#parts.ids.decision()), sequence);
  }

  /** A denial that is not a decision about rules: recorded, then told. */
  #refuse(reason: Denied['reason'], detail: string, sequence: number): void {
    const id = this.#parts.ids.decision();
    const denial: Denied = { effect: 'deny', reason, detail, rules: [] };
    const question = { kind: 'other', needs: [], features: NO_STATEMENT } as const;
    this.#phase = 'recording';
    const intent = this.#desk.intent(id, 'COM_UNKNOWN', question, { needs: [] }, denial);
    this.#parts.audit.append(intent, () => this.#deny(denial, sequence, id));
  }

  // Commands of our own on the principal's connection

  #runInternal(
    commands: readonly UpstreamPayload[],
    done: (exchange: InternalExchange) => void,
  ): void {
    const deprecateEof = hasCapability(this.#o.upstream.capabilities, CLIENT_DEPRECATE_EOF);
    const feed = new InternalExchange(commands.length, deprecateEof);
    this.#exchange = { feed, done: () => done(feed) };
    this.#phase = 'internal';
    this.#session.busy = true;
    this.#timer = this.#parts.clock.after(this.#parts.limits.targetTimeout, () =>
      this.#upstreamGone('the target did not answer while it was prepared'),
    );
    this.#toUpstream.send(InternalExchange.encode(commands));
  }

  #feedInternal(chunk: Buffer): void {
    const exchange = this.#exchange;
    if (!exchange?.feed.feed(chunk)) return;
    this.#timer?.stop();
    this.#exchange = undefined;
    this.#phase = 'recording';
    concludePreparation(exchange.feed, this.#state, this.#session.target.id);
    exchange.done();
  }

  /** The next message of an exchange in which the principal answers us (COM_CHANGE_USER). */
  #readNext(sequence: number, take: (message: Message) => void): void {
    this.#assembler.expectSequence(sequence);
    const look = () => {
      const message = this.#assembler.next(COUNTED_BYTES);
      if (message === 'too-large') return this.#finish({ reason: 'limit-size', detail: 'login' });
      if (!message) return;
      this.#down.off('data', look);
      take(message);
    };
    this.#down.on('data', look);
    look();
  }

  // Endings

  /** Ends the request under way with this denial as its answer; the session goes on. */
  #cut(denial: Denied): void {
    const running = this.#running;
    if (this.#phase !== 'answering' || !running || running.cut) return;
    running.cut = denial;
    this.#o.cancel(this.#o.upstream.connectionId).catch((cause: unknown) =>
      this.#parts.log.warn('cancelling a request failed', {
        session: this.#session.id,
        target: this.#session.target.id,
        cause,
      }),
    );
    this.#timer?.stop();
    this.#timer = this.#parts.clock.after(CANCEL_GRACE_MS, () =>
      this.#abort({ reason: denial.reason, detail: denial.detail }),
    );
  }

  /** The session must end: at once when something runs, else on the next command or soon. */
  #stop(end: SessionEnd): void {
    if (this.#phase === 'answering' || this.#phase === 'internal') return this.#abort(end);
    if (this.#phase === 'recording' && this.#running) return;
    this.#phase = 'ended';
    this.#reason = end;
    this.#up.destroy();
    this.#timer = this.#parts.clock.after(FAREWELL_MS, () => this.#finish(end));
    this.#guard(() => this.#next());
  }

  /** Ends in the middle of an answer: an ERR if nothing of it was sent, and the outcome. */
  #abort(end: SessionEnd): void {
    const running = this.#running;
    this.#phase = 'ended';
    this.#up.destroy();
    if (running?.recorded) this.#recordOutcome(running, 'killed');
    if (running && running.sentBytes === 0) {
      this.#send(encodeDenial(end, running.id || this.#parts.ids.decision()), this.#walker.sequence);
    }
    this.#finish(end);
  }

  #downstreamGone(): void {
    if (this.#phase === 'answering' && this.#running) {
      // The target would go on working for nobody; what it did by now is not known.
      this.#o.cancel(this.#o.upstream.connectionId).catch((cause: unknown) =>
        this.#parts.log.debug('cancelling for a principal that left failed', { cause }),
      );
      if (this.#running.recorded) this.#recordOutcome(this.#running, 'killed');
    }
    this.#finish(undefined);
  }

  #upstreamGone(problem: string): void {
    if (this.#phase === 'ended') return;
    const end: SessionEnd = this.#session.ending ?? {
      reason: 'target-unavailable',
      detail: `${problem}; connect again`,
    };
    const running = this.#running;
    const wasAnswering = this.#phase === 'answering';
    this.#phase = 'ended';
    if (running?.recorded && wasAnswering) this.#recordOutcome(running, 'unknown');
    if (running && wasAnswering && running.sentBytes === 0) {
      this.#send(encodeDenial(end, running.id || this.#parts.ids.decision()), this.#walker.sequence);
    }
    this.#finish(end);
  }

  #finish(end: SessionEnd | undefined): void {
    this.#phase = 'ended';
    this.#timer?.stop();
    this.#session.busy = false;
    this.#parts.buffers.giveBack(this.#budgetBytes);
    this.#budgetBytes = 0;
    this.#up.destroy();
    this.#down.end();
    this.#resolve(end ?? this.#reason);
  }

  /** Keeps the process's buffer budget in step with what this session holds. */
  #account(): void {
    const bytes = this.#assembler.bufferedBytes;
    const counted = bytes > COUNTED_BYTES ? bytes : 0;
    if (counted === this.#budgetBytes) return;
    if (counted > this.#budgetBytes && !this.#parts.buffers.take(counted - this.#budgetBytes)) {
      const detail = 'the gateway holds too many large requests at this moment; try again';
      this.#send(encodeDenial({ reason: 'limit-memory', detail }, this.#parts.ids.decision()), 1);
      this.#finish({ reason: 'limit-memory', detail });
      return;
    }
    if (counted < this.#budgetBytes) this.#parts.buffers.giveBack(this.#budgetBytes - counted);
    this.#budgetBytes = counted;
  }

  /** A peer that breaks the protocol ends its session, and nothing else. */
  #guard(run: () => void): void {
    try {
      run();
    } catch (thrown) {
      const error = toPosternError(thrown, this.#session.id);
      this.#parts.log.warn('session ended by a protocol fault', {
        session: this.#session.id,
        code: error.code,
        problem: error.message,
        cause: error.cause,
      });
      const end: SessionEnd = { reason: 'command-denied', detail: error.message };
      if (this.#phase === 'answering' && this.#running?.recorded) {
        this.#recordOutcome(this.#running, 'unknown');
      }
      this.#finish(end);
    }
  }
}

const NO_STATEMENT = {
  hasWhere: false,
  localInfile: false,
  multiStatement: false,
  mayHoldCredentials: false,
} as const;

function killed(): SessionEnd {
  return { reason: 'session-killed', detail: 'the request was cancelled' };
}

function callsRoutine({ question, row }: Inspection): boolean {
  return row.answer !== 'prepare' && question.needs.some((need) => need.action === 'execute');
}
