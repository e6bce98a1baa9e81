// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Timer } from '../../model/clock.ts';
import { problemText } from '../../model/errors.ts';
import { Pump } from '../../net/pump.ts';
import { frame } from '../../wire/mysql/framing.ts';
import type { DownstreamPayload } from '../../wire/mysql/payload.ts';
import type { Session, SessionEnd } from '../live-session.ts';
import { encodeDenial } from './accept.ts';
import { Cancellation } from './cancellation.ts';
import type { Phase, RelayOptions, Running } from './running.ts';

/** The two connections of one session, and what is under way on them. */
export class Line {
  readonly session: Session;
  readonly down: Duplex;
  readonly up: Socket;
  readonly toUpstream: Pump;
  readonly toDownstream: Pump;
  /** KILL QUERY of what runs. */
  readonly cancellation: Cancellation;
  phase: Phase = 'idle';
  running: Running | undefined;
  /** The upstream connection was let go at rest and may serve another session. */
  upstreamFree = false;
  #timer: Timer | undefined;
  #unlisten: () => void = () => undefined;

  constructor({ parts, session, downstream, upstream, cancel }: RelayOptions) {
    this.session = session;
    this.down = downstream.socket;
    this.up = upstream.socket;
    this.toUpstream = new Pump(this.down, this.up);
    this.toDownstream = new Pump(this.up, this.down);
    this.cancellation = new Cancellation(
      () => cancel(upstream.connectionId),
      (problem) => parts.log.warn(problem, { session: session.id }),
    );
  }

  /** The one time limit there is at a time: of a request, of its cancellation, of a farewell. */
  limit(timer: Timer | undefined): void {
    this.#timer?.stop();
    this.#timer = timer;
  }

  send(payload: DownstreamPayload, sequence: number): void {
    this.toDownstream.send(frame(payload, sequence));
  }

  /** Why the session ends, as an ERR. */
  tell(end: SessionEnd, sequence: number, id = this.session.closingId): void {
    this.send(encodeDenial(end, id), sequence);
  }

  /** Who listens to both sides; whoever left before is not heard any more, so ask. */
  listen(to: {
    downstream(chunk: Buffer): void;
    upstream(chunk: Buffer): void;
    downstreamGone(): void;
    /** What stands for the connection found its bytes malformed. */
    fault(thrown: unknown): void;
    upstreamGone(problem: string): void;
  }): void {
    const { up, down } = this;
    const closed = 'the target closed the connection';
    down.on('data', to.downstream);
    for (const event of ['error', 'end', 'close']) down.on(event, () => to.downstreamGone());
    down.on('fault', to.fault);
    const listeners = {
      data: to.upstream,
      error: (cause: Error) => to.upstreamGone(problemText(cause)),
      close: () => to.upstreamGone(closed),
    };
    for (const [event, listener] of Object.entries(listeners)) up.on(event, listener);
    this.#unlisten = () => {
      for (const [event, listener] of Object.entries(listeners)) up.off(event, listener);
    };
    if (up.destroyed) to.upstreamGone(closed);
    if (down.destroyed || down.readableEnded) to.downstreamGone();
  }

  /** Done with the upstream: closed, unless it is at rest with nothing owed in either direction. */
  leaveUpstream(atRest: boolean): void {
    const { up, session, cancellation } = this;
    if (!atRest || session.inTransaction || cancellation.underWay || up.destroyed) {
      up.destroy();
      return;
    }
    up.pause();
    this.#unlisten();
    this.toUpstream.release();
    this.toDownstream.release();
    this.upstreamFree = true;
  }
}
