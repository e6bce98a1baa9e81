// SPDX-License-Identifier: Apache-2.0
import type { LexerMode } from '../analysis.ts';
import { CLASSES, CONTROL, charsetClass, DIGIT, isClass, SPACE, WORD } from './characters.ts';
import { type Dialect, executableComment } from './executable-comment.ts';
import { refuse } from './refusal.ts';
import * as token from './tokens.ts';

/** About 70 MB of tokens; a text with more is refused, never half read. */
const MAX_TOKENS = 2_000_000;
/** sqlcommenter writes one; a text with thousands must not make us keep them all. */
const MAX_COMMENTS_KEPT = 16;

/**
 * Bytes to tokens as the server's own lexer reads them (sql/sql_lex.cc, `Lex_input_stream`). What
 * the two could read differently is refused: each such place below says why.
 */
export function tokenise(text: Buffer, mode: LexerMode, dialect: Dialect): token.TokenList {
  const lexer = new Lexer(text, mode, dialect);
  lexer.run();
  return lexer.tokens;
}

class Lexer {
  readonly tokens: token.TokenList;
  readonly #source: string;
  readonly #mode: LexerMode;
  readonly #dialect: Dialect;
  readonly #utf8: boolean;
  #at = 0;
  /** Of the next backslash in a string, as far as it was looked for. */
  #escape = -1;
  #inExecutable = false;
  /** After `identifier.` the server reads an identifier whatever it looks like. */
  #identifierNext = false;

  constructor(text: Buffer, mode: LexerMode, dialect: Dialect) {
    this.#source = text.toString('latin1');
    this.tokens = new token.TokenList(text, this.#source);
    this.#mode = mode;
    this.#dialect = dialect;
    this.#utf8 = charsetClass(mode.charset) === 'utf8';
  }

  run(): void {
    const length = this.#source.length;
    while (this.#at < length) {
      const code = this.#source.charCodeAt(this.#at);
      if (isClass(code, SPACE)) {
        this.#at++;
        this.#identifierNext = false;
      } else if (!this.#skipComment(code)) {
        this.#token(code);
        if (this.tokens.length > MAX_TOKENS) {
          refuse('unparsed', `the text has more than ${MAX_TOKENS} tokens; send it in parts`);
        }
      }
    }
    if (this.#inExecutable) refuse('unparsed', 'an executable comment is not closed');
  }

  #peek(offset: number): number {
    return this.#source.charCodeAt(this.#at + offset);
  }

  /** NaN is past the end, where the server finds a NUL, which counts as a control byte. */
  #endsDashes(code: number): boolean {
    return Number.isNaN(code) || isClass(code, SPACE | CONTROL);
  }

  #skipComment(code: number): boolean {
    if (
      code === 0x23 ||
      (code === 0x2d && this.#peek(1) === 0x2d && this.#endsDashes(this.#peek(2)))
    ) {
      const newline = this.#source.indexOf('\n', this.#at);
      this.#endComment(newline < 0 ? this.#source.length : newline + 1);
      return true;
    }
    if (code === 0x2f && this.#peek(1) === 0x2a) {
      const codeAt = executableComment(this.#source, this.#at, this.#dialect);
      if (codeAt !== undefined) {
        if (this.#inExecutable) refuse('unparsed', 'an executable comment inside another one');
        this.#inExecutable = true;
        this.#identifierNext = false;
        this.#at = codeAt;
        return true;
      }
      const close = this.#source.indexOf('*/', this.#at + 2);
      if (close < 0) refuse('unparsed', 'a comment is not closed');
      this.#hintIsPlain(close);
      this.#endComment(close + 2);
      return true;
    }
    if (this.#inExecutable && code === 0x2a && this.#peek(1) === 0x2f) {
      this.#inExecutable = false;
      this.#identifierNext = false;
      this.#at += 2;
      return true;
    }
    return false;
  }

  /** MySQL reads quoted names in optimizer hints, so that a quote there could hide the end. */
  #hintIsPlain(close: number): void {
    if (this.#peek(2) !== 0x2b) return;
    if (/['"`]/.test(this.#source.slice(this.#at, close))) {
      refuse('unparsed', 'quotes in an optimizer hint; write the names without quotes');
    }
  }

  #endComment(end: number): void {
    const { comments } = this.tokens;
    // The server ends a line comment at a NUL, other readers do not.
    if (this.#source.slice(this.#at, end).includes('\0')) {
      refuse('unparsed', 'a NUL byte in a comment');
    }
    if (comments.length < MAX_COMMENTS_KEPT) comments.push({ start: this.#at, end });
    this.#identifierNext = false;
    this.#at = end;
  }

  #token(code: number): void {
    const afterDot = this.#identifierNext;
    this.#identifierNext = false;
    if (code >= 0x80 || isClass(code, WORD)) {
      if (isClass(code, DIGIT) && !afterDot) this.#number();
      else this.#wordOrLiteral(afterDot);
    } else if (code === 0x27 || (code === 0x22 && !this.#mode.ansiQuotes)) {
      this.#string(code);
    } else if (code === 0x60 || code === 0x22) {
      this.#quotedIdentifier(code);
    } else if (code === 0x40) {
      this.#variable();
    } else if (code === 0x2e) {
      this.#dot(afterDot);
    } else if (code === 0x5c) {
      if (this.#peek(1) !== 0x4e) refuse('unparsed', 'a backslash outside a string');
      this.#add(token.NUMBER, this.#at + 2);
    } else if (code < 0x20 || code === 0x7f) {
      refuse('unparsed', 'a control character outside a string');
    } else if (code === 0x5b) {
      // MariaDB quotes names with it under sql_mode MSSQL, so a quote in there is none.
      refuse('unparsed', 'a square bracket outside a string; quote names with backticks');
    } else {
      this.#add(code === 0x3f ? token.PARAMETER : token.OPERATOR, this.#at + 1);
    }
  }

  #add(kind: number, end: number): void {
    const start = this.#at;
    let word = '';
    if (kind === token.OPERATOR) word = this.#source.charAt(start);
    else if (kind === token.WORD_TOKEN || kind === token.SYSTEM_VARIABLE) {
      word = this.#source.slice(start, end).toLowerCase();
    }
    this.tokens.add(kind, start, end, word);
    this.#at = end;
  }

  /** Where the run of identifier bytes that starts at `from` ends. */
  #wordEnd(from: number): number {
    const source = this.#source;
    let end = from;
    let code = source.charCodeAt(end);
    let ascii = true;
    while (code >= 0x80 || ((CLASSES[code] ?? 0) & WORD) !== 0) {
      // In single-byte sets a high byte may be a letter, a space or nothing at all.
      if (code >= 0x80 && !this.#utf8) {
        refuse('unparsed', 'a byte above 0x7f outside a string; use utf8mb4');
      }
      if (code >= 0x80) ascii = false;
      code = source.charCodeAt(++end);
    }
    if (!ascii) requireName(source.slice(from, end));
    return end;
  }

  #word(end: number, afterDot: boolean): void {
    const { tokens } = this;
    // In MySQL 8.1 and later `$$` opens a dollar-quoted string; MariaDB reads an identifier.
    if (this.#dialect === 'mysql' && this.#source.charCodeAt(this.#at) === 0x24) {
      refuse('unparsed', 'an identifier that starts with $; quote it');
    }
    this.#add(token.WORD_TOKEN, end);
    const last = tokens.length - 1;
    if (afterDot || this.#beforeDot(end) || /[\x80-\xff]/.test(tokens.word(last))) {
      tokens.kinds[last] = token.NAME;
      tokens.words[last] = '';
    }
  }

  /** `from.a`: a word that touches a point with an identifier after it is no keyword. */
  #beforeDot(end: number): boolean {
    const source = this.#source;
    const next = source.charCodeAt(end + 1);
    return source.charCodeAt(end) === 0x2e && (next >= 0x80 || isClass(next, WORD));
  }

  /** A word, or X'..', B'..', N'..' when the quote follows at once. */
  #wordOrLiteral(afterDot: boolean): void {
    const end = this.#wordEnd(this.#at);
    if (!afterDot && end === this.#at + 1 && this.#source.charCodeAt(end) === 0x27) {
      const prefix = this.#source.charAt(this.#at).toLowerCase();
      if (prefix === 'n') {
        this.#add(token.STRING, this.#stringEnd(end, 0x27));
        return;
      }
      if (prefix === 'x' || prefix === 'b') {
        this.#digitsInQuotes(prefix, end);
        return;
      }
    }
    this.#word(end, afterDot);
  }

  #digitsInQuotes(prefix: string, quote: number): void {
    const close = this.#source.indexOf("'", quote + 1);
    const digits = close < 0 ? '?' : this.#source.slice(quote + 1, close);
    if (!(prefix === 'x' ? /^[0-9a-f]*$/i : /^[01]*$/).test(digits)) {
      refuse('unparsed', 'a malformed hexadecimal or bit literal');
    }
    this.#add(token.NUMBER, close + 1);
  }

  /** `MY_LEX_NUMBER_IDENT`: an identifier may start with digits, a number may touch a word. */
  #number(): void {
    const source = this.#source;
    const start = this.#at;
    if (source.charCodeAt(start) === 0x30 && /[xb]/.test(source.charAt(start + 1))) {
      const end = this.#wordEnd(start);
      const digits = source.slice(start + 2, end);
      const literal = (source.charAt(start + 1) === 'x' ? /^[0-9a-f]+$/i : /^[01]+$/).test(digits);
      literal ? this.#add(token.NUMBER, end) : this.#word(end, false);
      return;
    }
    let end = start;
    while (isClass(source.charCodeAt(end), DIGIT)) end++;
    const next = source.charCodeAt(end);
    if (next === 0x2e) {
      this.#fraction(end + 1);
      return;
    }
    const exponentEnd = this.#exponentEnd(end);
    if (exponentEnd > end) {
      this.#add(token.NUMBER, exponentEnd);
      return;
    }
    const wordEnd = this.#wordEnd(end);
    if (wordEnd > end) this.#word(wordEnd, false);
    else this.#add(token.NUMBER, end);
  }

  /** Past `e10`, `E+10` at `at`, or `at` itself when there is no exponent. */
  #exponentEnd(at: number): number {
    const source = this.#source;
    if ((source.charCodeAt(at) | 0x20) !== 0x65) return at;
    const sign = source.charCodeAt(at + 1);
    let end = sign === 0x2b || sign === 0x2d ? at + 2 : at + 1;
    if (!isClass(source.charCodeAt(end), DIGIT)) return at;
    while (isClass(source.charCodeAt(end), DIGIT)) end++;
    return end;
  }

  /** Digits after the point; the number may be followed by a word at once, as in `1.FROM t`. */
  #fraction(from: number): void {
    const source = this.#source;
    let end = from;
    while (isClass(source.charCodeAt(end), DIGIT)) end++;
    const exponentEnd = this.#exponentEnd(end);
    if (exponentEnd === end && (source.charCodeAt(end) | 0x20) === 0x65) {
      refuse('unparsed', 'a number with an unfinished exponent');
    }
    this.#add(token.NUMBER, exponentEnd);
  }

  /** `.5` is a number unless a name touches the point: `a.5` is column 5 of a. */
  #dot(afterDot: boolean): void {
    const last = this.tokens.length - 1;
    const kind = this.tokens.kind(last);
    const touching = this.tokens.ends[last] === this.#at;
    const name = kind === token.WORD_TOKEN || kind === token.NAME || kind === token.SYSTEM_VARIABLE;
    if (isClass(this.#peek(1), DIGIT) && !(touching && name)) {
      // Here the server's reading depends on the state its lexer is in.
      if (afterDot || (touching && kind === token.QUOTED)) {
        refuse('unparsed', 'a point and a digit after a quoted name; quote what follows too');
      }
      this.#fraction(this.#at + 1);
      return;
    }
    this.#add(token.OPERATOR, this.#at + 1);
    this.#identifierNext = true;
  }

  #string(quote: number): void {
    this.#add(token.STRING, this.#stringEnd(this.#at, quote));
  }

  /**
   * Past the closing quote. Malformed UTF-8 is fine here: the server steps over a malformed byte
   * alone, and no byte of a well-formed sequence is a quote or a backslash.
   */
  #stringEnd(open: number, quote: number): number {
    const source = this.#source;
    const mark = quote === 0x27 ? "'" : '"';
    let at = open + 1;
    let close = source.indexOf(mark, at);
    while (close >= 0) {
      const backslash = this.#nextEscape(at);
      if (backslash < close) at = backslash + 2;
      else if (source.charCodeAt(close + 1) === quote) at = close + 2;
      else return close + 1;
      if (close < at) close = source.indexOf(mark, at);
    }
    return refuse('unparsed', 'a string is not closed');
  }

  /** The first backslash from `at` on that takes the byte behind it out of its meaning. */
  #nextEscape(at: number): number {
    if (this.#mode.noBackslashEscapes) return Number.POSITIVE_INFINITY;
    // Looked for once, however many strings there are before it.
    if (this.#escape < at) {
      const found = this.#source.indexOf('\\', at);
      this.#escape = found < 0 ? Number.POSITIVE_INFINITY : found;
    }
    return this.#escape;
  }

  #quotedIdentifier(quote: number): void {
    const source = this.#source;
    const mark = String.fromCharCode(quote);
    let close = source.indexOf(mark, this.#at + 1);
    while (close >= 0 && source.charCodeAt(close + 1) === quote) {
      close = source.indexOf(mark, close + 2);
    }
    if (close < 0) refuse('unparsed', 'a quoted identifier is not closed');
    const name = source.slice(this.#at + 1, close);
    // `#mysql50#` names a file directly, past the name the rights are written for.
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are the point
    if (name === '' || /[\x00-\x1f]|[ ]$|^#mysql50#/i.test(name)) {
      refuse('unparsed', 'an identifier that is empty, ends in a space or has a special meaning');
    }
    if (/[\x80-\xff]/.test(name)) {
      if (!this.#utf8) refuse('unparsed', 'a byte above 0x7f outside a string; use utf8mb4');
      requireName(name);
    }
    this.#add(token.QUOTED, close + 1);
  }

  #variable(): void {
    const next = this.#peek(1);
    if (next === 0x40) {
      const quoted = this.#peek(2) === 0x60;
      const end = quoted ? this.#at + 2 : this.#wordEnd(this.#at + 2);
      if (!quoted && end === this.#at + 2) refuse('unparsed', '@@ without a name');
      if (quoted) refuse('unparsed', 'a quoted system variable; write it without quotes');
      this.#add(token.SYSTEM_VARIABLE, end);
      return;
    }
    if (next === 0x27 || (next === 0x22 && !this.#mode.ansiQuotes)) {
      this.#add(token.USER_VARIABLE, this.#stringEnd(this.#at + 1, next));
      return;
    }
    if (next === 0x60) {
      const close = this.#source.indexOf('`', this.#at + 2);
      if (close < 0 || this.#source.charCodeAt(close + 1) === 0x60) {
        refuse('unparsed', 'a quoted user variable that is not closed or holds a quote');
      }
      this.#add(token.USER_VARIABLE, close + 1);
      return;
    }
    let end = this.#at + 1;
    while (isClass(this.#source.charCodeAt(end), WORD) || this.#source.charCodeAt(end) === 0x2e) {
      end++;
    }
    // `:=` and operators may follow; a byte above 0x7f would be read by the server's own tables.
    if (end === this.#at + 1 || this.#source.charCodeAt(end) >= 0x80) {
      refuse('unparsed', 'a user variable whose name is not plain ASCII; quote it');
    }
    this.#add(token.USER_VARIABLE, end);
  }
}

/** Where a broken character ends is for each reader to say; names have none above U+FFFF either. */
function requireName(bytes: string): void {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(bytes, 'latin1'));
    if (!/[\ud800-\udfff]/.test(text)) return;
  } catch {
    // Not UTF-8: refused below.
  }
  refuse('unparsed', 'a name with bytes that are no character of names in UTF-8');
}
