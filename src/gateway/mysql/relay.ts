// SPDX-License-Identifier: Apache-2.0
import type { Denied } from '../../model/decision.ts';
import {
  CLIENT_DEPRECATE_EOF,
  CLIENT_QUERY_ATTRIBUTES,
  hasCapability,
} from '../../wire/mysql/capabilities.ts';
import { COM } from '../../wire/mysql/commands.ts';
import type { Message } from '../../wire/mysql/packet-assembler.ts';
import type { UpstreamPayload } from '../../wire/mysql/payload.ts';
import type { SessionEnd } from '../live-session.ts';
import { CommandReader } from './command-reader.ts';
import { Course } from './course.ts';
import { dependsOnState } from './diagnostics.ts';
import { Inspector } from './inspect.ts';
import type { InternalExchange } from './internal-exchange.ts';
import { Line } from './line.ts';
import { OwnCommands } from './own-commands.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { QueryAttributes } from './query-attributes.ts';
import { Rewrites } from './rewrites.ts';
import { CANCELLED, OUT_OF_MEMORY, type RelayOptions } from './running.ts';
import { concludePreparation } from './upstream.ts';

/**
 * Relays one session: takes the principal's commands one at a time and says what becomes of each.
 * `Course` carries a request through, `Endings` ends one or all of it, `Line` is what they share.
 */
export class MysqlRelay {
  readonly #o: RelayOptions;
  readonly #line: Line;
  readonly #reader: CommandReader;
  readonly #inspector: Inspector;
  readonly #course: Course;
  readonly #own: OwnCommands;
  readonly #rewrites: Rewrites;
  #resolve: (end: SessionEnd | undefined) => void = () => undefined;

  constructor(options: RelayOptions) {
    const { parts, session, state, statements, downstream, upstream } = options;
    this.#o = options;
    this.#line = new Line(options);
    const { capabilities, began } = downstream;
    const prepared = new PreparedStatements();
    const attributes = hasCapability(capabilities, CLIENT_QUERY_ATTRIBUTES)
      ? new QueryAttributes(prepared)
      : undefined;
    this.#reader = new CommandReader(parts.buffers, parts.limits.requestBytes, {
      ...(began && { began }),
      ...(attributes && { command: (message) => attributes.strip(message) }),
    });
    this.#inspector = new Inspector(state, statements, prepared, attributes);
    this.#course = new Course(options, this.#line, {
      inspector: this.#inspector,
      reader: this.#reader,
      next: () => this.#next(),
      closed: (end) => this.#closed(end),
    });
    this.#own = new OwnCommands(
      hasCapability(upstream.capabilities, CLIENT_DEPRECATE_EOF),
      (bytes) => this.#line.toUpstream.send(bytes),
      parts.clock,
    );
    const { endings } = this.#course;
    this.#rewrites = new Rewrites({
      parts,
      session,
      inspector: this.#inspector,
      capabilities,
      settled: downstream.settled,
      answer: (payload, sequence) => this.#course.answer(payload, sequence),
      deny: (denial, sequence) => this.#course.deny(denial, sequence),
      exchange: (commands, done) => this.#runInternal(commands, done),
      ask: (payload, sequence) => this.#line.send(payload, sequence),
      guard: (run) => endings.guard(run),
      reader: this.#reader,
      downstream: this.#line.down,
      end: (end) => endings.finish(end),
    });
  }

  /** Whether the upstream connection was left open, for somebody to take over. */
  get upstreamFree(): boolean {
    return this.#line.upstreamFree;
  }

  /** Resolves when both connections are done with; never rejects. */
  run(): Promise<SessionEnd | undefined> {
    return new Promise((resolve) => {
      this.#resolve = resolve;
      const { endings } = this.#course;
      const { down, up, session } = this.#line;
      const { downstream, upstream } = this.#o;
      session.attach(
        (end) => endings.stop(end),
        () => endings.cut(CANCELLED),
      );
      if (upstream.pending.length > 0) endings.upstreamGone('unexpected bytes after login');
      this.#line.listen({
        downstream: this.#onDownstream,
        upstream: this.#onUpstream,
        downstreamGone: () => endings.downstreamGone(),
        fault: (thrown) => endings.fault(thrown),
        upstreamGone: (problem) => endings.upstreamGone(problem),
      });
      if (downstream.early.length > 0) this.#onDownstream(downstream.early);
      down.resume();
      up.resume();
    });
  }

  readonly #onDownstream = (chunk: Buffer): void => {
    try {
      this.#reader.push(chunk);
      if (this.#line.running?.fileOpen) this.#course.passFile();
      else this.#next();
      // A peer that does not wait for answers may not make us hold whatever it sends meanwhile.
      if (this.#line.phase !== 'idle' && this.#reader.holdsEnough) this.#line.down.pause();
    } catch (thrown) {
      this.#course.endings.fault(thrown);
    }
  };

  readonly #onUpstream = (chunk: Buffer): void => {
    const { endings } = this.#course;
    try {
      if (this.#line.phase === 'answering') this.#course.take(chunk);
      else if (this.#line.phase === 'internal') this.#own.feed(chunk);
      else endings.upstreamGone('the target spoke out of turn');
    } catch (thrown) {
      endings.fault(thrown);
    }
  };

  /** Takes up the next command when nothing is under way. */
  #next(): void {
    const line = this.#line;
    while (line.phase === 'idle' || line.phase === 'ended') {
      const message = this.#reader.next(0);
      if (message === undefined) return;
      if (message === 'no-memory') {
        line.tell(OUT_OF_MEMORY, 1);
        return this.#course.endings.finish(OUT_OF_MEMORY);
      }
      if (message === 'oversize') this.#tooLarge(this.#reader.oversizeCommand);
      else this.#command(message);
    }
  }

  #tooLarge(command: number | undefined): void {
    const reason: Denied['reason'] = 'limit-size';
    const detail = `a request may have ${this.#o.parts.limits.requestBytes} bytes`;
    // Nobody waits for an answer, and without the value the statement must not run.
    if (command === COM.COM_STMT_SEND_LONG_DATA) {
      return this.#course.endings.finish({ reason, detail });
    }
    // It may have been a PREPARE, which then is the last one.
    this.#inspector.prepared(undefined);
    this.#course.refuse(reason, detail, this.#reader.sequence);
  }

  #command(message: Message): void {
    const line = this.#line;
    const code = message.payload[0];
    if (code === COM.COM_QUIT) return this.#course.endings.finish(undefined);
    const { ending } = line.session;
    if (ending) {
      line.tell(ending, message.nextSequence);
      return this.#course.endings.finish(ending);
    }
    if (this.#o.state.worthAsking && dependsOnState(message.payload)) {
      return this.#rewrites.resynchronise(() => this.#command(message));
    }
    const inspection = this.#inspector.inspect(message.payload);
    const { row } = inspection;
    if (row.answer === 'none' || row.handling === 'pass') this.#course.passOn(message, inspection);
    else if (row.handling === 'rewrite') {
      line.phase = 'recording';
      line.session.busy = true;
      this.#rewrites.take(message, inspection);
    } else this.#course.decide(message, inspection);
  }

  /** Commands of our own on the principal's connection. */
  #runInternal(
    commands: readonly UpstreamPayload[],
    done: (exchange: InternalExchange) => void,
  ): void {
    const line = this.#line;
    const { parts, state } = this.#o;
    // The session may have ended while its principal was asked for a proof.
    if (line.phase === 'ended' || line.phase === 'closed') return;
    line.phase = 'internal';
    line.session.busy = true;
    const problem = 'the target did not answer while it was prepared';
    const late = () => this.#course.endings.upstreamGone(problem);
    this.#own.run(commands, parts.limits.targetTimeout, late, (exchange) => {
      line.phase = 'recording';
      concludePreparation(exchange, state, line.session.target.id);
      done(exchange);
    });
  }

  #closed(end: SessionEnd | undefined): void {
    this.#own.stop();
    this.#reader.close();
    this.#resolve(end);
  }
}
