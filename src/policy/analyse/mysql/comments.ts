// SPDX-License-Identifier: Apache-2.0
import type { TokenList } from './tokens.ts';

/** What a record may carry; a comment with more is somebody's essay, not tags. */
const MAX_TAGS = 32;
const MAX_COMMENT_BYTES = 4_096;

/**
 * Key/value pairs of sqlcommenter comments: `key='value',key2='value2'`, URL-encoded, with `\'`
 * for a quote. Anything can be written there: the values are untrusted.
 */
export function commentTags(tokens: TokenList): Readonly<Record<string, string>> {
  const tags: Record<string, string> = {};
  let count = 0;
  for (const { start, end } of tokens.comments) {
    if (end - start > MAX_COMMENT_BYTES || !tokens.source.startsWith('/*', start)) continue;
    const body = tokens.text.toString('utf8', start + 2, end - 2).trim();
    // Sticky: one pass from the start, so that no text makes it look twice.
    PAIR.lastIndex = 0;
    for (let pair = PAIR.exec(body); pair !== null; pair = PAIR.exec(body)) {
      if (++count > MAX_TAGS) return tags;
      const name = decode(pair[1] ?? '');
      if (name !== '__proto__') tags[name] = decode((pair[2] ?? '').replaceAll("\\'", "'"));
    }
  }
  return tags;
}

/** `key='value'` and the comma after it. */
const PAIR = /([\w.%-]+)\s*=\s*'((?:\\.|[^'\\])*)'\s*(?:,\s*|$)/y;

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
