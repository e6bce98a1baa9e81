// SPDX-License-Identifier: Apache-2.0
import { decodeIdentifier } from './characters.ts';
import { refuse } from './refusal.ts';

export const END = 0;
/** Unquoted ASCII: a keyword or an identifier, as the grammar decides. */
export const WORD_TOKEN = 1;
/** A quoted identifier; never a keyword. */
export const QUOTED = 2;
export const STRING = 3;
export const NUMBER = 4;
/** `?` of a prepared statement. */
export const PARAMETER = 5;
export const OPERATOR = 6;
/** `@name`, `@'name'`; the whole of it. */
export const USER_VARIABLE = 7;
/** `@@name`; what follows a `.` is separate tokens. */
export const SYSTEM_VARIABLE = 8;
/** Unquoted, but where the server's lexer looks up no keyword: next to a point, or not ASCII. */
export const NAME = 9;

/** A comment's byte range, delimiters included. */
export interface CommentRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The tokens of one text, as parallel arrays: a bulk INSERT has millions and an object for each
 * would cost ten times the text. Index `length` and beyond reads as END.
 */
export class TokenList {
  readonly text: Buffer;
  /** The text with one character per byte. */
  readonly source: string;
  readonly kinds: number[] = [];
  readonly starts: number[] = [];
  readonly ends: number[] = [];
  /** Lower-cased text of words, the operator's character; '' for everything else. */
  readonly words: string[] = [];
  readonly comments: CommentRange[] = [];

  constructor(text: Buffer, source: string) {
    this.text = text;
    this.source = source;
  }

  get length(): number {
    return this.kinds.length;
  }

  add(kind: number, start: number, end: number, word: string): void {
    this.kinds.push(kind);
    this.starts.push(start);
    this.ends.push(end);
    this.words.push(word);
  }

  kind(index: number): number {
    return this.kinds[index] ?? END;
  }

  word(index: number): string {
    return this.words[index] ?? '';
  }

  /** Nothing, not even a comment, stands between the token and the one before it. */
  gluedToPrevious(index: number): boolean {
    return this.starts[index] === this.ends[index - 1];
  }

  /** At most white space (no comment) stands between the token and the one before it. */
  spacedFromPrevious(index: number): boolean {
    return /^[\t-\r ]*$/.test(this.source.slice(this.ends[index - 1], this.starts[index]));
  }

  /** The exact text of a token, for messages and the normalised form. */
  raw(index: number): string {
    return this.source.slice(this.starts[index], this.ends[index]);
  }

  /** The name an identifier token stands for. */
  identifier(index: number): string {
    const start = this.starts[index] ?? 0;
    const end = this.ends[index] ?? 0;
    const quoted = this.kinds[index] === QUOTED;
    const bytes = this.source.slice(quoted ? start + 1 : start, quoted ? end - 1 : end);
    const quote = quoted ? this.source.charAt(start) : '';
    const folded = quoted && bytes.includes(quote) ? bytes.replaceAll(quote + quote, quote) : bytes;
    // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the ASCII range is meant
    if (/^[\x00-\x7f]*$/.test(folded)) return folded;
    const name = decodeIdentifier(Buffer.from(folded, 'latin1'));
    return name ?? refuse('unparsed', 'an identifier is not valid UTF-8');
  }
}
