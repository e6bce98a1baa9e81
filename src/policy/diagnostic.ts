// SPDX-License-Identifier: Apache-2.0
import { DIAGNOSTIC_CATALOGUE } from './diagnostic-catalogue.ts';

export type Severity = 'error' | 'warning';
export type DiagnosticCode = keyof typeof DIAGNOSTIC_CATALOGUE;
export const DIAGNOSTIC_CODES = Object.keys(DIAGNOSTIC_CATALOGUE) as readonly DiagnosticCode[];

/** A place in a declaration; lines and columns count from 1. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
}

/** One fault (`error`) or finding (`warning`) in a declaration; a value, never an exception. */
export interface Diagnostic extends Place {
  readonly code: DiagnosticCode;
  readonly severity: Severity;
  readonly message: string;
  /** What to do about it; one sentence. */
  readonly remedy: string;
}

const LONGEST_FACT = 400;

export type DiagnosticFacts = Readonly<Record<string, string | number>>;

/**
 * Call sites pick a code and facts; the wording lives in the catalogue alone, so the reference
 * page lists exactly what can be said.
 */
export function diagnostic(
  code: DiagnosticCode,
  place: Place,
  facts: DiagnosticFacts = {},
): Diagnostic {
  const entry = DIAGNOSTIC_CATALOGUE[code];
  return {
    code,
    severity: entry.severity,
    file: place.file,
    line: place.line,
    column: place.column,
    message: fill(entry.message, facts),
    remedy: fill(entry.remedy, facts),
  };
}

/** Takes faults as they are found; checking goes on after each. */
export class DiagnosticList {
  readonly #found: Diagnostic[] = [];

  add(code: DiagnosticCode, place: Place, facts: DiagnosticFacts = {}): void {
    this.#found.push(diagnostic(code, place, facts));
  }

  get hasErrors(): boolean {
    return this.hasErrorsSince(0);
  }

  /** How many were found so far; a mark for `hasErrorsSince`. */
  get count(): number {
    return this.#found.length;
  }

  hasErrorsSince(mark: number): boolean {
    return this.#found.slice(mark).some((one) => one.severity === 'error');
  }

  /** By file, line, column and code, each once: output is deterministic. */
  sorted(): readonly Diagnostic[] {
    const unique = new Map(this.#found.map((one) => [JSON.stringify(one), one]));
    return [...unique.values()].sort(byPlace);
  }
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return (
    compareText(a.file, b.file) ||
    a.line - b.line ||
    a.column - b.column ||
    compareText(a.code, b.code) ||
    compareText(a.message, b.message)
  );
}

/** By code unit, not by locale: the same everywhere. */
function compareText(a: string, b: string): number {
  if (a === b) return 0;
  return a < b ? -1 : 1;
}

function fill(template: string, facts: DiagnosticFacts): string {
  return template.replace(/\{(\w+)\}/g, (_, name: string) =>
    printable(String(facts[name] ?? 'unknown')),
  );
}

/** A declaration may come from a stranger's pull request: it must not steer a terminal or a log. */
function printable(text: string): string {
  const shown = text.length > LONGEST_FACT ? `${text.slice(0, LONGEST_FACT)}...` : text;
  return shown.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
