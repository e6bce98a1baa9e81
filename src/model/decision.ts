// SPDX-License-Identifier: Apache-2.0

/**
 * Why something was denied. Closed: every protocol and `docs/reference/errors.md` answers each.
 * Details of a refused proof are told to the audit only; `refusalText` has what its bearer hears.
 */
export const DENIAL_REASONS = [
  // who
  'anonymous',
  'token-malformed',
  'token-algorithm',
  'token-issuer-unknown',
  'token-key-unknown',
  'token-signature',
  'token-audience',
  'token-expired',
  'token-not-yet-valid',
  'token-claims',
  'token-oversize',
  'token-reviewed',
  'groups-unknown',
  'ticket-unknown',
  'ticket-secret',
  'ticket-ended',
  'ticket-target',
  'certificate-untrusted',
  'certificate-expired',
  'certificate-not-leaf',
  'certificate-usage',
  'certificate-identity',
  'proxy-identity',
  'provider-unavailable',
  'identity-changed',
  'identity-expired',
  // what
  'target-unresolved',
  'target-unavailable',
  // rules
  'no-grant',
  'denied-by-rule',
  'not-permitted',
  'condition-not-met',
  'revoked',
  'grant-expired',
  // statements
  'statement-unparsed',
  'statement-kind',
  'statement-charset',
  'session-state-unknown',
  'command-denied',
  'multi-statement',
  'local-infile',
  'require-where',
  // limits
  'limit-connections',
  'limit-rate',
  'limit-rows',
  'limit-time',
  'limit-size',
  'limit-memory',
  'request-cancelled',
  // our own ability
  'audit-unavailable',
  'lease-unavailable',
  'lease-role-missing',
  'lease-exceeds-policy',
  'draining',
  'session-expired',
  'session-killed',
] as const;
export type DenialReason = (typeof DENIAL_REASONS)[number];

/** A rule's name everywhere: kind/namespace/name, or kind/name for cluster-scoped ones. */
export type RuleName = string;

export interface SourcePosition {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

export interface RuleReference {
  readonly name: RuleName;
  readonly position: SourcePosition;
}

/** The strictest of the limits of the grants that allow a request; absent = no limit. */
export interface Limits {
  readonly connections?: number;
  readonly requestsPerSecond?: number;
  readonly rowsPerRequest?: number;
  readonly requestTimeoutMs?: number;
}

export interface Allowed {
  readonly effect: 'allow';
  /** The grants that together allow it, most specific first; never empty. */
  readonly rules: readonly RuleReference[];
  readonly limits: Limits;
  readonly serviceClass?: string;
  /** Set in Observe mode when Enforce would have denied. */
  readonly wouldDeny?: Denied;
}

export interface Denied {
  readonly effect: 'deny';
  readonly reason: DenialReason;
  /** The Deny that matched, or the grants that came closest; may be empty. */
  readonly rules: readonly RuleReference[];
  /** One sentence for a person, from code, never from the peer's bytes beyond names it used. */
  readonly detail: string;
}

/** A value, never an exception. */
export type Decision = Allowed | Denied;
