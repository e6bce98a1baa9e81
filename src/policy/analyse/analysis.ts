// SPDX-License-Identifier: Apache-2.0
import type { Need } from '../../model/request.ts';

/**
 * How the target will read the bytes of a statement. Learnt from the upstream's session tracking,
 * never from parsing SET (invariant 12). `undefined` anywhere means unknown, and unknown denies.
 */
export interface LexerMode {
  /** character_set_client; only sets where every ASCII byte stands for itself are accepted. */
  readonly charset: string;
  readonly ansiQuotes: boolean;
  readonly noBackslashEscapes: boolean;
  /** sql_mode ORACLE changes the grammar: statements are denied. */
  readonly oracle: boolean;
  readonly ignoreSpace: boolean;
  /** PIPES_AS_CONCAT and HIGH_NOT_PRECEDENCE do not change which objects are touched. */
}

/** A short stable text for cache keys. */
export function lexerModeKey(mode: LexerMode): string {
  return `${mode.charset}:${mode.ansiQuotes ? 'a' : ''}${mode.noBackslashEscapes ? 'n' : ''}${mode.oracle ? 'o' : ''}${mode.ignoreSpace ? 'i' : ''}`;
}

/** What a statement is, coarse enough to name in rules and audit. */
export const STATEMENT_KINDS = [
  'select',
  'insert',
  'replace',
  'update',
  'delete',
  'truncate',
  'call',
  'do',
  'set',
  'show',
  'describe',
  'explain',
  'use',
  'transaction',
  'lock-tables',
  'unlock-tables',
  'create',
  'alter',
  'drop',
  'rename',
  'analyze-table',
  'kill-query',
  'load-data',
  'handler',
  'prepare',
  'execute',
  'deallocate',
  'compound',
  'account',
  'administration',
  'empty',
  'other',
] as const;
export type StatementKind = (typeof STATEMENT_KINDS)[number];

/** Facts about one statement that guardrails and the relay need besides its rights. */
export interface StatementFeatures {
  /** UPDATE/DELETE that has a WHERE which is not a constant. */
  readonly hasWhere: boolean;
  readonly localInfile: boolean;
  /** The file that LOAD DATA LOCAL names: its bytes, one character each. */
  readonly localFile?: string;
  /** More than one statement in the text. */
  readonly multiStatement: boolean;
  /** Literals in it may be credentials: the text must never reach the audit. */
  readonly mayHoldCredentials: boolean;
  /**
   * It may change how the next statement is read. MariaDB does not report `SET @@x = ...` without
   * a scope, so whoever follows the session must ask after it.
   */
  readonly changesLexerMode?: true;
  /** The default schema after it succeeded (USE). */
  readonly usesSchema?: string;
}

/**
 * The result of analysing one request text. `needs` is a superset of what the server will touch
 * by name: when in doubt the analysis asks for more or fails, it never leaves something out.
 */
export type Analysis =
  | {
      readonly ok: true;
      readonly kind: StatementKind;
      readonly needs: readonly Need[];
      readonly features: StatementFeatures;
      /** Same shape for statements that differ in literals only; literals are `?`. */
      readonly normalised: string;
      /** Key/value pairs from sqlcommenter comments, verbatim (untrusted). */
      readonly commentTags: Readonly<Record<string, string>>;
    }
  | {
      readonly ok: false;
      readonly kind: StatementKind;
      readonly problem: 'unparsed' | 'kind' | 'charset';
      /** For a person: what was not understood or is not allowed, and what to write instead. */
      readonly detail: string;
      /** The same without any piece of the text. */
      readonly plainDetail: string;
      readonly features: StatementFeatures;
    };
