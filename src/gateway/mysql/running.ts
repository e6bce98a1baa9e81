// SPDX-License-Identifier: Apache-2.0
import type { Duplex } from 'node:stream';
import type { RequestOutcome } from '../../audit/record.ts';
import type { Denied, Limits } from '../../model/decision.ts';
import type { MysqlUpstream } from '../../target/mysql/login.ts';
import type { Capabilities } from '../../wire/mysql/capabilities.ts';
import type { ResponseKind } from '../../wire/mysql/response-walker.ts';
import type { Session, SessionEnd } from '../live-session.ts';
import type { GatewayParts } from '../parts.ts';
import type { AnswerRelay } from './answer-relay.ts';
import type { Answer } from './commands.ts';
import type { Inspection } from './inspect.ts';
import type { LocalFile } from './local-file.ts';
import type { SessionState } from './session-state.ts';
import type { StatementCache } from './statements.ts';

/** What a relay joins, and what it may ask of others. */
export interface RelayOptions {
  readonly parts: GatewayParts;
  readonly session: Session;
  readonly state: SessionState;
  readonly statements: StatementCache;
  readonly downstream: {
    /** Or what stands for it, when the connection is compressed. */
    readonly socket: Duplex;
    /** Told before each command. */
    readonly began?: () => void;
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
 * target works. `internal`: commands of our own are under way. `ended`: nothing more goes
 * upstream, the next command hears why. `closed`: done.
 */
export type Phase = 'idle' | 'recording' | 'answering' | 'internal' | 'ended' | 'closed';

/** What became of a request and, when the gateway ended it, why. */
export type OutcomeKind = Pick<RequestOutcome, 'outcome' | 'reason'>;

/** One command under way. */
export interface Running {
  readonly id: string;
  readonly inspection: Inspection;
  /** False for commands that are passed without a record. */
  readonly recorded: boolean;
  readonly limits: Limits;
  readonly startedAt: number;
  /** The target has it. */
  forwarded: boolean;
  /** Set when the gateway ends the request: this denial is the answer, whatever comes. */
  cut?: Denied;
  cutSequence?: number;
  /** LOAD DATA LOCAL: what goes from the principal to the target. */
  file?: LocalFile;
  /** The file is not over. */
  fileOpen?: boolean;
}

/** `startedAt` is monotonic, in ms; without an id nothing is recorded. */
export function newRunning(
  inspection: Inspection,
  limits: Limits,
  id: string,
  startedAt: number,
): Running {
  return { id, inspection, limits, startedAt, recorded: id !== '', forwarded: false };
}

export const RESPONSE_KINDS: Readonly<Record<Exclude<Answer, 'none'>, ResponseKind>> = {
  query: 'query',
  prepare: 'prepare',
  execute: 'execute',
  fetch: 'fetch',
  fields: 'field-list',
  text: 'statistics',
  ok: 'simple',
};

/** KILL from another connection. */
export const CANCELLED: Denied = {
  effect: 'deny',
  reason: 'request-cancelled',
  detail: 'KILL QUERY from another session of yours',
  rules: [],
};

export function limitDenial(reason: 'limit-time' | 'limit-rows', detail: string): Denied {
  return { effect: 'deny', reason, detail, rules: [] };
}

/** How the audit tells a request that was not let run to its end. */
export function endedBy({ reason }: Pick<Denied, 'reason'>): OutcomeKind {
  const outcome = reason === 'limit-time' || reason === 'limit-rows' ? 'limited' : 'killed';
  return { outcome, reason };
}

/** ER_QUERY_INTERRUPTED, ER_CONNECTION_KILLED, ER_STATEMENT_TIMEOUT: our own KILL as answered. */
const INTERRUPTED = new Set([1317, 1927, 1969]);

/** Why the gateway ended it; undefined also when it was done before it could be ended. */
export function cutOff({ cut, cutSequence }: Running, errno: number): Denied | undefined {
  return cutSequence !== undefined || INTERRUPTED.has(errno) ? cut : undefined;
}

/** The process as a whole is out of room. */
export const OUT_OF_MEMORY: SessionEnd = {
  reason: 'limit-memory',
  detail: 'the gateway holds too many large requests at this moment; try again',
};

/** What the audit says a request did; one that the target never saw did nothing. */
export function outcomeFacts(
  { outcome, reason }: OutcomeKind,
  running: Running,
  answer: Pick<AnswerRelay, 'walker' | 'rows' | 'sentBytes'>,
): OutcomeKind & Pick<RequestOutcome, 'errno' | 'rows' | 'bytes' | 'fileBytes'> {
  const { forwarded, file } = running;
  return {
    outcome,
    ...(reason && { reason }),
    ...(outcome === 'error' && { errno: forwarded ? answer.walker.errno : 0 }),
    rows: forwarded ? answer.rows : 0,
    bytes: forwarded ? answer.sentBytes : 0,
    ...(file && { fileBytes: file.bytes }),
  };
}

/**
 * After it the session's state is not known: a routine may switch tracking off inside, and so may
 * one behind a view or a trigger, which shows only when the state changes; SET may go unreported.
 */
export function mayChangeUnseen({ question, row }: Inspection): boolean {
  if (row.answer === 'prepare') return false;
  const { kind, needs, features } = question;
  if (kind === 'use' || features.usesSchema !== undefined) return true;
  return features.changesLexerMode === true || needs.some((need) => need.action === 'execute');
}
