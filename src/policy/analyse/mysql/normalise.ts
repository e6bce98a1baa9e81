// SPDX-License-Identifier: Apache-2.0
import * as token from './tokens.ts';

/** Longer shapes are cut: they are for people and for grouping, not for running. */
const MAX_LENGTH = 8_192;

/** `count(` and `count (` are different statements to the server, so the shape keeps the space. */
const GLUED_PARENTHESIS = '(glued';

/**
 * The statement's shape: comments and white space folded, literals as `?`, words in lower case
 * (names keep theirs only when quoted), lists of literals and rows of VALUES as one of each.
 */
export function normalise(tokens: token.TokenList): string {
  const parts: string[] = [];
  let size = 0;
  for (let index = 0; index < tokens.length && size <= MAX_LENGTH; index++) {
    const part = partAt(tokens, index);
    if (part === ',' && parts.at(-1) === '?' && OPENS.has(parts.at(-2) ?? '')) {
      const end = endOfList(tokens, index);
      if (end === index) {
        parts.push(part);
        continue;
      }
      index = end;
      parts.push(', ...');
      continue;
    }
    if (part === ',' && parts.at(-1) === ')' && tokens.word(index + 1) === '(') {
      const end = endOfRows(tokens, index);
      if (end > index) {
        index = end;
        parts.push(', ...');
        continue;
      }
    }
    parts.push(part);
    size += part.length + 1;
  }
  const text = join(parts);
  return text.length > MAX_LENGTH ? `${text.slice(0, MAX_LENGTH)}...` : text;
}

function isLiteral(kind: number): boolean {
  return kind === token.STRING || kind === token.NUMBER || kind === token.PARAMETER;
}

function partAt(tokens: token.TokenList, index: number): string {
  const kind = tokens.kind(index);
  if (isLiteral(kind)) return '?';
  if (tokens.word(index) === '(' && tokens.gluedToPrevious(index)) {
    return tokens.kind(index - 1) === token.OPERATOR ? '(' : GLUED_PARENTHESIS;
  }
  if (kind === token.WORD_TOKEN || kind === token.OPERATOR || kind === token.SYSTEM_VARIABLE) {
    return tokens.word(index);
  }
  const raw = tokens.raw(index);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: exactly the ASCII range is meant
  if (/^[\x00-\x7f]*$/.test(raw)) return raw;
  return Buffer.from(raw, 'latin1').toString('utf8');
}

/** The last token of `, ?, ?, ?` that starts at `index`; `index` if not literals alone follow. */
function endOfList(tokens: token.TokenList, index: number): number {
  let next = index;
  while (tokens.word(next) === ',' && isLiteral(tokens.kind(next + 1))) next += 2;
  // `(?, ?, a)` is no list of literals, and stays as it is.
  return tokens.word(next) === ')' ? next - 1 : index;
}

/** The last token of `, (...), (...)` made of literals only, or `index` when there are names. */
function endOfRows(tokens: token.TokenList, index: number): number {
  let end = index;
  for (let next = index; tokens.word(next) === ',' && tokens.word(next + 1) === '('; ) {
    next += 2;
    while (isLiteral(tokens.kind(next)) || tokens.word(next) === ',') next++;
    if (tokens.word(next) !== ')') break;
    end = next;
    next++;
  }
  return end;
}

const OPENS = new Set(['(', GLUED_PARENTHESIS]);
const NO_SPACE_BEFORE = new Set([',', ')', '.', ';', ', ...', GLUED_PARENTHESIS]);
const NO_SPACE_AFTER = new Set(['(', '.', GLUED_PARENTHESIS]);

function join(parts: readonly string[]): string {
  let text = '';
  let previous = '(';
  for (const part of parts) {
    const space = !NO_SPACE_BEFORE.has(part) && !NO_SPACE_AFTER.has(previous);
    const shown = part === GLUED_PARENTHESIS ? '(' : part;
    text += space ? ` ${shown}` : shown;
    previous = part;
  }
  return text;
}
