// SPDX-License-Identifier: Apache-2.0
import type { Labels } from '../../model/principal.ts';
import type { SelectorSpec } from '../document/field.ts';
import { type Path, pathText } from '../source-tree.ts';
import type { Effect, Report } from './context.ts';

type Expression = NonNullable<SelectorSpec['matchExpressions']>[number];

/**
 * Whether labels are selected. A missing label never satisfies a negative test in a Grant and
 * always does in a Deny: not knowing must never give more. (`DoesNotExist` asks for just that.)
 */
export function selectorMatches(selector: SelectorSpec, labels: Labels, effect: Effect): boolean {
  const missing = effect === 'deny';
  const value = (key: string) => (Object.hasOwn(labels, key) ? labels[key] : undefined);
  const positive = Object.entries(selector.matchLabels ?? {});
  const negative = Object.entries(selector.notMatchLabels ?? {});
  return (
    positive.every(([key, wanted]) => value(key) === wanted) &&
    negative.every(([key, refused]) => {
      const own = value(key);
      return own === undefined ? missing : own !== refused;
    }) &&
    (selector.matchExpressions ?? []).every((test) =>
      expressionMatches(test, value(test.key), missing),
    )
  );
}

function expressionMatches(test: Expression, own: string | undefined, missing: boolean): boolean {
  if (test.operator === 'Exists') return own !== undefined;
  if (test.operator === 'DoesNotExist') return own === undefined;
  if (test.operator === 'In') return own !== undefined && (test.values ?? []).includes(own);
  return own === undefined ? missing : !(test.values ?? []).includes(own);
}

/** Selects everything. */
export function isEmptySelector(selector: SelectorSpec): boolean {
  return (
    Object.keys(selector.matchLabels ?? {}).length === 0 &&
    Object.keys(selector.notMatchLabels ?? {}).length === 0 &&
    (selector.matchExpressions ?? []).length === 0
  );
}

/** `In` and `NotIn` need values, the others take none. False when a fault was reported. */
export function checkSelector(selector: SelectorSpec, path: Path, report: Report): boolean {
  let valid = true;
  for (const [index, test] of (selector.matchExpressions ?? []).entries()) {
    const wantsValues = test.operator === 'In' || test.operator === 'NotIn';
    if (wantsValues === (test.values !== undefined)) continue;
    const at = [...path, 'matchExpressions', index];
    const problem = `${test.operator} ${wantsValues ? 'needs' : 'takes no'} "values"`;
    const suggestion = wantsValues ? 'Add "values: [...]".' : 'Remove "values".';
    report(at, 'value-invalid', { where: pathText(at), problem, suggestion });
    valid = false;
  }
  return valid;
}

/** For messages: `env=prod, tier!=test`. */
export function selectorText(selector: SelectorSpec): string {
  const parts = [
    ...Object.entries(selector.matchLabels ?? {}).map(([key, value]) => `${key}=${value}`),
    ...Object.entries(selector.notMatchLabels ?? {}).map(([key, value]) => `${key}!=${value}`),
    ...(selector.matchExpressions ?? []).map((test) => {
      const values = test.values === undefined ? '' : ` (${test.values.join(', ')})`;
      return `${test.key} ${test.operator}${values}`;
    }),
  ];
  return parts.length === 0 ? 'everything' : parts.join(', ');
}
