// SPDX-License-Identifier: Apache-2.0
import { Composer, type CST, type Document, type LineCounter, Parser } from 'yaml';

/** Deeper than any declaration; the schemas end at about ten. */
export const MAX_DEPTH = 32;

/**
 * Every YAML document of a text. The library composes nodes by recursion, and text that exhausts
 * the stack there can end the whole process (V8 aborts when a pattern is compiled at the end of the
 * stack); so documents are measured first, without recursion, and left out when they are too deep.
 */
export function yamlDocuments(
  text: string,
  lines: LineCounter,
  tooComplex: (offset: number, problem: string) => void,
): readonly Document[] {
  const tokens = [...new Parser(lines.addNewLine).parse(text)].filter((token) => {
    if (token.type !== 'document' || !isDeep(token.value)) return true;
    tooComplex(token.offset, `it is nested more than ${MAX_DEPTH} deep`);
    return false;
  });
  // Duplicate keys are found by TreeReader, with a better place and in every spelling.
  const composer = new Composer({
    version: '1.2',
    schema: 'core',
    uniqueKeys: false,
    merge: false,
    logLevel: 'silent',
  });
  return [...composer.compose(tokens)];
}

function isDeep(root: CST.Token | undefined): boolean {
  const open: { readonly token: CST.Token; readonly depth: number }[] = [];
  const visit = (token: CST.Token | null | undefined, depth: number) => {
    if (token) open.push({ token, depth });
  };
  visit(root, 0);
  for (let next = open.pop(); next; next = open.pop()) {
    const { token, depth } = next;
    if (depth > MAX_DEPTH) return true;
    if (!('items' in token)) continue;
    for (const item of token.items) {
      visit(item.key, depth + 1);
      visit(item.value, depth + 1);
    }
  }
  return false;
}
