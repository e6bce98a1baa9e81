// SPDX-License-Identifier: Apache-2.0
import type { Diagnostic } from './diagnostic.ts';

export interface SourceText {
  readonly path: string;
  readonly text: string;
}

/** Longer lines are cut around the caret. */
const SNIPPET_COLUMNS = 96;

/** `file:line:column: error code: message`, the line with a caret, and the remedy. */
export function diagnosticText(found: Diagnostic, sources: readonly SourceText[]): string {
  const place = `${found.file}:${found.line}:${found.column}`;
  const head = `${place}: ${found.severity}[${found.code}]: ${found.message}`;
  const source = sources.find((one) => one.path === found.file);
  const line = source?.text.split(/\r\n|\r|\n/)[found.line - 1];
  const snippet = line === undefined || line.trim() === '' ? [] : snippetOf(line, found);
  return [head, ...snippet, `  help: ${found.remedy}`].join('\n');
}

/** All of them, in the order given, a blank line between. */
export function diagnosticsText(
  found: readonly Diagnostic[],
  sources: readonly SourceText[],
): string {
  return found.map((one) => `${diagnosticText(one, sources)}\n`).join('\n');
}

function snippetOf(line: string, found: Diagnostic): readonly string[] {
  const number = String(found.line);
  const start = Math.max(0, found.column - 1 - SNIPPET_COLUMNS + 16);
  const shown = printable(line.slice(start, start + SNIPPET_COLUMNS));
  const caret = ' '.repeat(Math.max(0, found.column - 1 - start));
  return [`  ${number} | ${shown}`, `  ${' '.repeat(number.length)} | ${caret}^`];
}

/** A declaration may come from a pull request: it must not move the reader's cursor. */
function printable(text: string): string {
  return text.replace(/\t/g, ' ').replace(/[\p{Cc}\p{Cf}]/gu, '?');
}
