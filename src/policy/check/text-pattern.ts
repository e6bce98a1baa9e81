// SPDX-License-Identifier: Apache-2.0
import type { TextPattern } from '../policy.ts';
import { type Path, pathText } from '../source-tree.ts';
import type { Report } from './context.ts';

/** Exact text, or one `*` at the very start or very end; a fault and undefined otherwise. */
export function readPattern(text: string, path: Path, report: Report): TextPattern | undefined {
  const stars = text.split('*').length - 1;
  if (stars === 0) return { match: 'exact', value: text };
  if (stars === 1 && text.endsWith('*')) return { match: 'prefix', value: text.slice(0, -1) };
  if (stars === 1 && text.startsWith('*')) return { match: 'suffix', value: text.slice(1) };
  report(path, 'wildcard-refused', {
    where: pathText(path),
    problem: `${text} has a wildcard inside, or more than one`,
    suggestion: 'Put a single "*" at the start or at the end.',
  });
  return undefined;
}
