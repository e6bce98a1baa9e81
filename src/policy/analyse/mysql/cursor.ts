// SPDX-License-Identifier: Apache-2.0
import type { Action, DataObject, Need } from '../../../model/request.ts';
import type { LexerMode, StatementKind } from '../analysis.ts';
import type { Dialect } from './executable-comment.ts';
import { objectName, type QualifiedName, TableName } from './names.ts';
import { refuse } from './refusal.ts';
import * as token from './tokens.ts';
import { RESERVED } from './words.ts';

/** Deep enough for generated queries (ORMs stay below 30), far from the stack's end. */
const MAX_DEPTH = 100;
/** Each need costs a policy look-up; nobody names more objects than this in one text. */
const MAX_NEEDS = 1_000;

export interface Environment {
  readonly mode: LexerMode;
  readonly dialect: Dialect;
  readonly caseInsensitiveNames: boolean;
}

/**
 * A position in the tokens of one text, with what has been learnt so far. The grammar functions of
 * this folder take it, move it forward and add needs; whatever they do not expect they refuse.
 */
export class Cursor {
  readonly tokens: token.TokenList;
  readonly environment: Environment;
  /** Changed by USE in the middle of a text. */
  defaultSchema: string | undefined;
  at = 0;
  kind: StatementKind = 'other';
  /** How many column references were read; tells whether UPDATE and DELETE need `select`. */
  columnReads = 0;
  /** CASE words whose END has not come yet. */
  openCases = 0;
  /** Of the statement at hand: UPDATE or DELETE with a WHERE that reads a column. */
  hasWhere = false;
  mayHoldCredentials = false;
  /** The file that LOAD DATA LOCAL names: its bytes, one character each. */
  localFile: string | undefined;
  changesLexerMode = false;
  /** The schema of the last USE. */
  usesSchema: string | undefined;
  /** Names of common table expressions in scope, innermost last. */
  readonly tableExpressions: string[] = [];
  /** Index of the first of them that is certain to be visible here. */
  visibleFrom = 0;
  /** Set by the entry point: the query grammar, which expressions and DDL come back to. */
  readonly query: (cursor: Cursor) => void;
  readonly #needs = new Map<string, Need>();
  #depth = 0;

  constructor(
    tokens: token.TokenList,
    environment: Environment,
    defaultSchema: string | undefined,
    query: (cursor: Cursor) => void,
  ) {
    this.tokens = tokens;
    this.environment = environment;
    this.defaultSchema = defaultSchema;
    this.query = query;
  }

  get needs(): readonly Need[] {
    return [...this.#needs.values()];
  }

  need(action: Action, object: DataObject): void {
    const name = object.type === 'schema' ? '' : object.name;
    // Names cannot hold control characters, so the key is unambiguous.
    this.#needs.set(`${action}\n${object.type}\n${object.schema}\n${name}`, { action, object });
    if (this.#needs.size > MAX_NEEDS) {
      refuse('unparsed', `the text names more than ${MAX_NEEDS} objects; send it in parts`);
    }
  }

  /** Runs `read` one nesting level deeper. */
  nested(read: () => void): void {
    if (++this.#depth > MAX_DEPTH) {
      refuse('unparsed', `the statement nests deeper than ${MAX_DEPTH} levels`);
    }
    read();
    this.#depth--;
  }

  kindAt(offset = 0): number {
    return this.tokens.kind(this.at + offset);
  }

  /** Lower-cased keyword or the operator's character; '' for identifiers that cannot be either. */
  word(offset = 0): string {
    return this.tokens.word(this.at + offset);
  }

  isWord(offset = 0): boolean {
    return this.kindAt(offset) === token.WORD_TOKEN;
  }

  /** The token is an operator or an unquoted word of exactly this text. */
  is(word: string, offset = 0): boolean {
    return this.tokens.word(this.at + offset) === word;
  }

  accept(word: string): boolean {
    if (this.tokens.word(this.at) !== word) return false;
    this.at++;
    return true;
  }

  /** All of `words` in a row, or nothing. */
  acceptAll(...words: readonly string[]): boolean {
    for (let index = 0; index < words.length; index++) {
      if (this.tokens.word(this.at + index) !== words[index]) return false;
    }
    this.at += words.length;
    return true;
  }

  acceptAny(words: ReadonlySet<string>): string | undefined {
    const word = this.tokens.word(this.at);
    if (!this.isWord() || !words.has(word)) return undefined;
    this.at++;
    return word;
  }

  expect(word: string): void {
    if (!this.accept(word)) this.unexpected(`"${word}" was expected`);
  }

  get atEnd(): boolean {
    return this.kindAt() === token.END || this.is(';');
  }

  unexpected(problem = 'not understood'): never {
    if (this.atEnd) return refuse('unparsed', `${problem} at the end of the statement`);
    return refuse('unparsed', problem, undefined, ` near "${this.#excerpt()}"`);
  }

  /** A few tokens for a message; literals are left out, they may be secret. */
  #excerpt(): string {
    const parts: string[] = [];
    for (let offset = 0; offset < 4 && this.kindAt(offset) !== token.END; offset++) {
      const literal = this.kindAt(offset) === token.STRING || this.kindAt(offset) === token.NUMBER;
      const raw = this.tokens.raw(this.at + offset).replace(/[^\x20-\x7e]/g, '.');
      parts.push(literal ? '?' : raw.slice(0, 40));
    }
    return parts.join(' ');
  }

  /** True when the token can stand for a name: quoted, or an unreserved word. */
  isName(offset = 0): boolean {
    const kind = this.kindAt(offset);
    if (kind === token.QUOTED || kind === token.NAME) return true;
    return kind === token.WORD_TOKEN && !RESERVED.has(this.word(offset));
  }

  name(): string {
    if (!this.isName()) this.unexpected('a name was expected');
    return this.tokens.identifier(this.at++);
  }

  /** `name`, `schema.name` or `.name`; `anyWord` after a point, as the server's lexer has it. */
  qualifiedName(): QualifiedName {
    if (this.accept('.')) return { schema: undefined, name: this.#nameAfterPoint() };
    const first = this.name();
    if (!this.is('.')) return { schema: undefined, name: first };
    this.at++;
    return { schema: first, name: this.#nameAfterPoint() };
  }

  #nameAfterPoint(): string {
    if (!this.isName()) this.unexpected('a name was expected');
    return this.tokens.identifier(this.at++);
  }

  /** Reads a table name and resolves it against the default schema. */
  tableName(): TableName {
    return this.resolveTable(this.qualifiedName());
  }

  resolveTable(name: QualifiedName): TableName {
    const schema = name.schema ?? this.selectedSchema();
    return new TableName(
      objectName(schema, this.environment.caseInsensitiveNames),
      objectName(name.name, this.environment.caseInsensitiveNames),
    );
  }

  /** True when an unqualified name is for certain a common table expression, not a table. */
  isTableExpression(name: string): boolean {
    return this.tableExpressions.indexOf(name, this.visibleFrom) >= 0;
  }

  schemaName(name: string): string {
    return objectName(name, this.environment.caseInsensitiveNames);
  }

  /** Routine names compare without case on every server. */
  routineName(name: QualifiedName): { schema: string; name: string } {
    // The server also compares them without accents, which no rule could be expected to.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the ASCII range is meant
    if (!/^[\x00-\x7f]*$/.test(name.name)) refuse('unparsed', 'a routine name outside ASCII');
    const schema = this.schemaName(name.schema ?? this.selectedSchema());
    return { schema, name: name.name.toLowerCase() };
  }

  needRoutine(name: QualifiedName): void {
    this.need('execute', { type: 'routine', ...this.routineName(name) });
  }

  selectedSchema(): string {
    return (
      this.defaultSchema ??
      refuse('unparsed', 'no database selected; write schema.name or select one with USE')
    );
  }

  needTable(action: Action, table: TableName): void {
    if (table.isInformationSchema) {
      // The server shows each account only what it has rights on, and takes no writes.
      if (action === 'select') return;
      refuse('kind', 'information_schema cannot be changed');
    }
    this.need(action, { type: 'table', schema: table.schema, name: table.name });
  }
}
