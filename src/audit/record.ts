// SPDX-License-Identifier: Apache-2.0
import type { DenialReason, RuleReference } from '../model/decision.ts';

/**
 * What is said about one event, before the chain adds its own fields (stream, seq, time, prev,
 * hash). Field names are stable: they are documented in docs/reference/audit.md.
 */
export type AuditEvent =
  | GatewayEvent
  | LoginEvent
  | SessionEvent
  | RequestIntent
  | RequestOutcome
  | AdministrationEvent
  | CertificateEvent;

/** Who and where; on every event of a session. */
export interface Origin {
  readonly session: string;
  readonly principal: string;
  readonly method: string;
  readonly verifiedBy: string;
  readonly target: string;
  readonly source: string;
}

export interface GatewayEvent {
  readonly event: 'gateway';
  readonly what:
    | 'started'
    | 'stopping'
    | 'stopped'
    | 'policy-loaded'
    | 'policy-refused'
    | 'clock-moved'
    | 'lease'
    | 'finding'
    | 'retention'
    | 'audit-gap';
  readonly revision?: string;
  /** policy-loaded: sha256 of the stored policy file (`policies/<revision>.json`). */
  readonly sources?: string;
  /** audit-gap: what could not be recorded, and why. */
  readonly gap?: AuditGap;
  /** finding: what is not as declared; absent where a target as a whole is the matter. */
  readonly finding?: AuditFinding;
  readonly detail: string;
}

/** Something on a target or in a cluster that is not as declared, or is so again. */
export interface AuditFinding {
  readonly state: 'appeared' | 'gone';
  readonly layer: 'database' | 'mesh';
  /** Id of the Target, or name of the Cluster. */
  readonly where: string;
  readonly code: string;
  readonly subject: string;
  /** Accounts or field managers that hold or changed it. */
  readonly who: readonly string[];
  readonly rules: readonly RuleReference[];
  /** Who puts it right: `apply`, `operator`, `bootstrap` or `wait`. */
  readonly by: string;
}

/** A time in which the audit could not be written. */
export interface AuditGap {
  /** RFC 3339. */
  readonly since: string;
  readonly durationMs: number;
  readonly problem: string;
  /** Records whose access was refused because of it: nothing happened without a record. */
  readonly refused: number;
  /** Outcomes and the like that did not fit the reserve either; these intents read `unknown`. */
  readonly lost: number;
}

/** A login that did not become a session, with everything the peer was not told. */
export interface LoginEvent {
  readonly event: 'login-denied';
  readonly id: string;
  readonly source: string;
  readonly target?: string;
  /** Set when it had been verified who it is. */
  readonly principal?: string;
  /** What the peer says of itself; not verified. */
  readonly claimed?: string;
  /** Set when the record stands for a flood of refusals; `source` is then a network. */
  readonly repeated?: RepeatedRefusal;
  readonly reason: DenialReason;
  readonly detail: string;
  readonly rules: readonly RuleReference[];
  readonly revision: string;
}

/** Refusals of one source network and reason that have one record in common. */
export interface RepeatedRefusal {
  readonly count: number;
  /** RFC 3339: the first and the last of them. */
  readonly since: string;
  readonly until: string;
}

export interface SessionEvent extends Origin {
  readonly event: 'session-opened' | 'session-closed';
  readonly id: string;
  readonly revision: string;
  readonly rules?: readonly RuleReference[];
  readonly lease?: string;
  /** The target's own connection id (MariaDB `CONNECTION_ID()`). */
  readonly upstreamConnection?: number;
  readonly application?: string;
  /** The ticket that was redeemed for it. */
  readonly ticket?: string;
  readonly attributes?: Readonly<Record<string, string>>;
  readonly reason?: string;
  readonly requests?: number;
  readonly durationMs?: number;
}

/** What all requests of one session say alike. */
export interface RequestOrigin extends Origin {
  readonly upstreamConnection?: number;
}

/** What requests with the same statement say alike. */
export interface RequestContent {
  /** Text, normalised text, or absent, as the Target says. */
  readonly statement?: string;
  /** Set when the bytes are no UTF-8: each character of `statement` is then one byte. */
  readonly statementEncoding?: 'latin1';
  /** Set when `statement` is only the beginning: how many bytes the whole has. */
  readonly statementCutFrom?: number;
  /** Set when the text is not recorded: how long it is. */
  readonly statementBytes?: number;
  /** `<key id>:<HMAC-SHA-256>` of the exact bytes, under the key of `audit.hashKey`. */
  readonly statementHash?: string;
  /** The same over the parameters of a prepared statement, where the Target asks for it. */
  readonly parametersHash?: string;
  readonly needs: readonly string[];
  readonly schema?: string;
  /** The caller's trace, from a comment of the statement or from its connection. */
  readonly traceparent?: string;
  readonly tags?: Readonly<Record<string, string>>;
}

export interface RequestIntent extends RequestOrigin, RequestContent {
  readonly event: 'intent';
  /** Decision id: what an error message shows and `explain ID` takes. */
  readonly id: string;
  readonly revision: string;
  readonly decision: 'allow' | 'deny' | 'would-deny';
  readonly reason?: DenialReason;
  readonly detail?: string;
  readonly rules: readonly RuleReference[];
  /** Protocol command, e.g. COM_QUERY. */
  readonly command: string;
  readonly kind: string;
}

/**
 * A `RequestIntent` in the parts that many have in common: `origin` and `content` are one object
 * each per session and statement and never change, so that their text is made once.
 */
export interface IntentParts
  extends Omit<RequestIntent, keyof RequestOrigin | keyof RequestContent> {
  readonly origin: RequestOrigin;
  readonly content: RequestContent;
  /** Of the connection, when the content states none. */
  readonly traceparent?: string;
}

/** What is handed to the audit. */
export type NewEvent = AuditEvent | IntentParts;

export function wholeIntent({ origin, content, ...own }: IntentParts): RequestIntent {
  return { ...own, ...origin, ...content };
}

export interface RequestOutcome {
  readonly event: 'outcome';
  /** The intent's id. */
  readonly id: string;
  readonly session: string;
  readonly outcome: 'ok' | 'error' | 'limited' | 'killed' | 'unknown';
  /** Why the gateway ended it. */
  readonly reason?: DenialReason;
  readonly errno?: number;
  readonly rows: number;
  readonly bytes: number;
  /** Of the principal's file that LOAD DATA LOCAL sent to the target. */
  readonly fileBytes?: number;
  readonly durationMs: number;
}

/** Something done to Postern itself: sessions listed or killed, audit read, reload. */
export interface AdministrationEvent {
  readonly event: 'administration';
  readonly id: string;
  readonly principal: string;
  readonly action: string;
  readonly decision: 'allow' | 'deny';
  readonly reason?: DenialReason;
  readonly detail: string;
  readonly rules: readonly RuleReference[];
}

/** A certificate that `postern ca` issued, or refused to somebody it knew. */
export interface CertificateEvent {
  readonly event: 'certificate';
  readonly id: string;
  readonly decision: 'allow' | 'deny';
  /** Who proved to be whom, and by what. */
  readonly principal: string;
  readonly method: string;
  readonly verifiedBy: string;
  /** When the proof ends, RFC 3339. */
  readonly proofUntil: string;
  readonly source: string;
  readonly reason?: string;
  readonly detail: string;
  readonly spiffeId?: string;
  /** Lower-case hex. */
  readonly serial?: string;
  /** RFC 3339. */
  readonly notAfter?: string;
  /** SHA-256 (hex) of the public key (SPKI). */
  readonly publicKeyHash?: string;
  readonly rules: readonly RuleReference[];
  readonly revision: string;
}

/**
 * The door to the audit. `append` queues; everything queued in one tick is written with one write,
 * and only then the callbacks run, in order. A callback gets `false` when the record could not be
 * made durable in the file: then nothing may go on that depended on it.
 */
export interface AuditLog {
  append(event: NewEvent, written?: (ok: boolean) => void): void;
  /** False while new requests must be denied (disk full, reserve in use). */
  readonly accepting: boolean;
  close(): Promise<void>;
}
