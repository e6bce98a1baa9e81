// SPDX-License-Identifier: Apache-2.0
import type { LexerMode } from '../../policy/analyse/analysis.ts';
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
export const STATE_SQL =
  '/*postern*/ SELECT @@SESSION.sql_mode, @@SESSION.character_set_client, DATABASE(), @@SESSION.session_track_system_variables, @@SESSION.session_track_schema';

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
  #statusAnsiQuotes: boolean | undefined;
  #statusNoBackslash: boolean | undefined;
  readonly #flagsAnsiQuotes: boolean;
  #mode: LexerMode | undefined;
  #modeKnown = false;

  /** MariaDB tells ANSI_QUOTES in the status flags, MySQL does not. */
  constructor(flagsAnsiQuotes: boolean) {
    this.#flagsAnsiQuotes = flagsAnsiQuotes;
  }

  /** The answer to STATE_SQL. */
  learn(row: readonly (string | null)[]): void {
    const [sqlMode, charset, schema, tracked, tracksSchema] = row;
    this.#sqlMode = modes(sqlMode ?? '');
    this.#charset = charset ?? undefined;
    this.schema = schema ?? undefined;
    this.#tracking = tracksEverything(tracked ?? '') && tracksSchema === '1';
    this.#modeKnown = false;
  }

  /** Nothing is certain until `learn` is called again. */
  forget(): void {
    this.#sqlMode = undefined;
    this.#charset = undefined;
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
    const noBackslash = (flags & SERVER_STATUS_NO_BACKSLASH_ESCAPES) !== 0;
    const ansiQuotes = (flags & SERVER_STATUS_ANSI_QUOTES) !== 0;
    if (noBackslash !== this.#statusNoBackslash || ansiQuotes !== this.#statusAnsiQuotes) {
      this.#statusNoBackslash = noBackslash;
      this.#statusAnsiQuotes = ansiQuotes;
      this.#modeKnown = false;
    }
  }

  get mode(): LexerMode | undefined {
    if (!this.#modeKnown) {
      this.#mode = this.#compute();
      this.#modeKnown = true;
    }
    return this.#mode;
  }

  /** Tracking and status flags must agree; a contradiction means that something went unseen. */
  #compute(): LexerMode | undefined {
    if (!this.#tracking || this.#charset === undefined || !this.#sqlMode) return undefined;
    const ansiQuotes = this.#sqlMode.has('ANSI_QUOTES');
    const noBackslashEscapes = this.#sqlMode.has('NO_BACKSLASH_ESCAPES');
    if (noBackslashEscapes !== (this.#statusNoBackslash ?? false)) return undefined;
    if (this.#flagsAnsiQuotes && ansiQuotes !== (this.#statusAnsiQuotes ?? false)) return undefined;
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
