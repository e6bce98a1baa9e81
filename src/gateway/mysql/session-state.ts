// SPDX-License-Identifier: Apache-2.0
import { type LexerMode, lexerModeKey } from '../../policy/analyse/analysis.ts';
import {
  SERVER_STATUS_ANSI_QUOTES,
  SERVER_STATUS_IN_TRANS,
  SERVER_STATUS_IN_TRANS_READONLY,
  SERVER_STATUS_NO_BACKSLASH_ESCAPES,
} from '../../wire/mysql/status.ts';

/** Asked for at once after login and reset, so that every change of the lexer mode is told. */
export const TRACKED_VARIABLES = [
  'autocommit',
  'character_set_client',
  'character_set_connection',
  'character_set_results',
  'session_track_system_variables',
  'sql_mode',
  'time_zone',
];
export const TRACK_SQL = `/*postern*/ SET SESSION session_track_system_variables='${TRACKED_VARIABLES.join(',')}'`;
/** The schema in hex: answers come in character_set_results, which need not have its characters. */
export const STATE_SQL =
  '/*postern*/ SELECT @@SESSION.sql_mode, @@SESSION.character_set_client, HEX(CONVERT(DATABASE() USING utf8mb4)), @@SESSION.session_track_system_variables, @@SESSION.session_track_schema';

/** One answer to STATE_SQL. */
export type StateRow = readonly (string | null)[];

export function schemaIn(row: StateRow): string | undefined {
  const hex = row[2];
  return hex ? Buffer.from(hex, 'hex').toString('utf8') : undefined;
}

/** How a statement is read: all that its meaning depends on besides its bytes. */
export interface Reading {
  readonly mode: LexerMode;
  /** The default schema. */
  readonly schema: string | undefined;
  /** The same in equal readings and in no others. */
  readonly key: string;
}

export function readingOf(mode: LexerMode, schema: string | undefined): Reading {
  return { mode, schema, key: `${lexerModeKey(mode)}\0${schema ?? ''}` };
}

/**
 * How the target will read the next statement, learnt only from what the target says: session
 * tracking, the status flags of every answer, and a direct question after login, reset and CALL
 * (invariant 12). `mode` is undefined while anything is unknown.
 */
export class SessionState {
  schema: string | undefined;
  inTransaction = false;
  #sqlMode: ReadonlySet<string> | undefined;
  #charset: string | undefined;
  #tracking = false;
  #lexerFlags = 0;
  /** Flags as they were when the target was asked: what it said then counts more than they. */
  #flagsWhenAsked: number | undefined;
  readonly #flagsOfLexer: number;
  #mode: LexerMode | undefined;
  #modeKnown = false;
  #reading: Reading | undefined;

  /** MariaDB tells ANSI_QUOTES in the status flags, MySQL does not. */
  constructor(flagsAnsiQuotes: boolean) {
    this.#flagsOfLexer =
      SERVER_STATUS_NO_BACKSLASH_ESCAPES | (flagsAnsiQuotes ? SERVER_STATUS_ANSI_QUOTES : 0);
  }

  /** The answer to STATE_SQL. */
  learn(row: StateRow): void {
    const [sqlMode, charset, , tracked, tracksSchema] = row;
    this.#sqlMode = modes(sqlMode ?? '');
    this.#charset = charset ?? undefined;
    this.schema = schemaIn(row);
    this.#tracking = tracksEverything(tracked ?? '') && tracksSchema === '1';
    this.#flagsWhenAsked = this.#lexerFlags;
    this.#modeKnown = false;
  }

  /** Nothing is certain until `learn` is called again. */
  forget(): void {
    this.#sqlMode = undefined;
    this.#charset = undefined;
    this.#flagsWhenAsked = undefined;
    this.#modeKnown = false;
  }

  systemVariable(name: string, value: string): void {
    if (name === 'sql_mode') this.#sqlMode = modes(value);
    else if (name === 'character_set_client') this.#charset = value;
    else if (name === 'session_track_system_variables') this.#tracking = tracksEverything(value);
    this.#modeKnown = false;
  }

  /** Status flags of an OK or EOF packet; cheap when nothing changed. */
  status(flags: number): void {
    this.inTransaction = (flags & (SERVER_STATUS_IN_TRANS | SERVER_STATUS_IN_TRANS_READONLY)) !== 0;
    const lexerFlags = flags & this.#flagsOfLexer;
    if (lexerFlags === this.#lexerFlags) return;
    this.#lexerFlags = lexerFlags;
    this.#modeKnown = false;
  }

  /** True when asking the target (STATE_SQL) may tell what is not known now. */
  get worthAsking(): boolean {
    return this.mode === undefined && this.#flagsWhenAsked !== this.#lexerFlags;
  }

  get mode(): LexerMode | undefined {
    if (!this.#modeKnown) {
      this.#mode = this.#compute();
      this.#modeKnown = true;
    }
    return this.#mode;
  }

  /** Undefined while the mode is. */
  get reading(): Reading | undefined {
    const { mode, schema } = this;
    if (!mode) return undefined;
    if (this.#reading?.mode !== mode || this.#reading.schema !== schema) {
      this.#reading = readingOf(mode, schema);
    }
    return this.#reading;
  }

  /**
   * Tracking and status flags must agree; a contradiction means that something went unseen, or that
   * a flag is stale (MariaDB leaves ANSI_QUOTES on after a function that set it for itself), which
   * only the target's own answer tells apart.
   */
  #compute(): LexerMode | undefined {
    if (!this.#tracking || this.#charset === undefined || !this.#sqlMode) return undefined;
    const ansiQuotes = this.#sqlMode.has('ANSI_QUOTES');
    const noBackslashEscapes = this.#sqlMode.has('NO_BACKSLASH_ESCAPES');
    const expected =
      (ansiQuotes ? SERVER_STATUS_ANSI_QUOTES : 0) |
      (noBackslashEscapes ? SERVER_STATUS_NO_BACKSLASH_ESCAPES : 0);
    const agrees = (expected & this.#flagsOfLexer) === this.#lexerFlags;
    if (!agrees && this.#lexerFlags !== this.#flagsWhenAsked) return undefined;
    return {
      charset: this.#charset,
      ansiQuotes,
      noBackslashEscapes,
      oracle: this.#sqlMode.has('ORACLE'),
      ignoreSpace: this.#sqlMode.has('IGNORE_SPACE'),
    };
  }
}

function modes(text: string): ReadonlySet<string> {
  return new Set(text.split(',').filter((mode) => mode !== ''));
}

function tracksEverything(value: string): boolean {
  const names = new Set(value.split(',').map((name) => name.trim()));
  return names.has('*') || TRACKED_VARIABLES.every((name) => names.has(name));
}
