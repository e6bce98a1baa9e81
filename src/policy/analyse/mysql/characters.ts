// SPDX-License-Identifier: Apache-2.0

/** Byte classes as the server's lexer has them; one table look-up per byte. */
export const SPACE = 1;
/** May be part of an unquoted identifier: letters, digits, `_`, `$`. Bytes >= 0x80 apart. */
export const WORD = 2;
export const DIGIT = 4;
export const HEX = 8;
/** What ends the `--` of a comment: white space, any control byte, the end of the text. */
export const CONTROL = 16;

export const CLASSES = new Uint8Array(256);

for (let code = 0; code < 256; code++) {
  const char = String.fromCharCode(code);
  let bits = 0;
  if (code === 0x20 || (code >= 0x09 && code <= 0x0d)) bits |= SPACE;
  if (code < 0x20 || code === 0x7f) bits |= CONTROL;
  if (/[0-9a-z_$]/i.test(char) && code < 0x80) bits |= WORD;
  if (code >= 0x30 && code <= 0x39) bits |= DIGIT;
  if (/[0-9a-f]/i.test(char) && code < 0x80) bits |= HEX;
  CLASSES[code] = bits;
}

/** True when `code` (a byte, or NaN past the end) has any of the `bits`. */
export function isClass(code: number, bits: number): boolean {
  return ((CLASSES[code] ?? 0) & bits) !== 0;
}

const UTF8_CHARSETS = new Set(['utf8', 'utf8mb3', 'utf8mb4']);

/**
 * Single-byte sets in which every ASCII byte stands for itself and nothing else does. Multi-byte
 * sets (gbk, big5, sjis, cp932, gb18030, ...) may hide a quote or a backslash in a character, the
 * wide ones (ucs2, utf16, utf32) are not ASCII at all, and swe7 redefines ASCII punctuation.
 */
const SINGLE_BYTE_CHARSETS = new Set([
  'ascii',
  'binary',
  'latin1',
  'latin2',
  'latin5',
  'latin7',
  'cp1250',
  'cp1251',
  'cp1256',
  'cp1257',
  'cp850',
  'cp852',
  'cp866',
  'koi8r',
  'koi8u',
  'greek',
  'hebrew',
]);

export type CharsetClass = 'utf8' | 'single-byte' | 'unsafe';

/** How bytes of `charset` (as `character_set_client` names it) may be read. */
export function charsetClass(charset: string): CharsetClass {
  const name = charset.toLowerCase();
  if (UTF8_CHARSETS.has(name)) return 'utf8';
  return SINGLE_BYTE_CHARSETS.has(name) ? 'single-byte' : 'unsafe';
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/**
 * The text of an identifier, or undefined when the server might read other characters: malformed
 * UTF-8, or characters beyond U+FFFF (identifiers are three-byte UTF-8 inside the server).
 */
export function decodeIdentifier(bytes: Uint8Array): string | undefined {
  try {
    const text = strictUtf8.decode(bytes);
    return /[\ud800-\udfff]/.test(text) ? undefined : text;
  } catch {
    return undefined;
  }
}
