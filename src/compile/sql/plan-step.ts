// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import type { Right } from './right.ts';

/** One statement for a target, with the declaration line it stands for. */
export interface SqlPlanStep {
  readonly kind:
    | 'view-definer'
    | 'view'
    | 'view-reader'
    | 'role'
    | 'grant'
    | 'drop-role'
    | 'drop-view'
    | 'drop-view-definer';
  /** The database role or `schema.view` that the step is a part of. */
  readonly part: string;
  readonly sql: string;
  /** What a GRANT of it gives, as the server will keep it. */
  readonly rights?: readonly Right[];
  /** Absent for a removal: what declared it is gone. */
  readonly rule?: RuleReference;
  /**
   * A declaration does not say whether a routine is a procedure or a function: the step is for the
   * kind that exists.
   */
  readonly onlyFor?: {
    readonly type: 'PROCEDURE' | 'FUNCTION';
    readonly schema: string;
    readonly name: string;
  };
}

/**
 * Something in the declaration that the database will not enforce as written. `refused`: nothing
 * was emitted for it, so the database gives less than declared; `weaker`: it was emitted, and the
 * text says what it cannot hold.
 */
export interface SqlFinding {
  readonly severity: 'refused' | 'weaker';
  readonly rule: RuleReference;
  readonly message: string;
  readonly remedy: string;
}

/** A base role: one per content of a DataRole, so it never changes; changed content is another. */
export interface DesiredRole {
  readonly name: string;
  /** DataRole id, `namespace/name`. */
  readonly dataRole: string;
  readonly rule: RuleReference;
}

export interface DesiredView {
  readonly schema: string;
  readonly name: string;
  readonly rule: RuleReference;
  /** Its text as the server writes it. */
  readonly text: string;
  /** Its locked account; content-addressed as roles are. */
  readonly definer: string;
}

export interface DesiredSql {
  readonly roles: readonly DesiredRole[];
  readonly views: readonly DesiredView[];
  /** In an order in which each finds what it needs; all of them may be run again. */
  readonly steps: readonly SqlPlanStep[];
  readonly findings: readonly SqlFinding[];
}

/** For plans and `--print`: the statement and where it comes from. */
export function planStepText(step: SqlPlanStep): string {
  // A comment ends at the line's end: nothing declared may bring its own line.
  const from = step.rule
    ? `${step.rule.name} (${step.rule.position.file}:${step.rule.position.line})`
    : 'no longer declared';
  return `${step.sql}; -- ${from.replace(/[\p{Cc}\p{Zl}\p{Zp}]/gu, '?')}`;
}
