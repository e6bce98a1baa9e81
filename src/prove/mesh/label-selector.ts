// SPDX-License-Identifier: Apache-2.0
import { type Answer, every, type Unknown, unknown } from './answer.ts';
import type { Labels } from './mesh-facts.ts';
import type { ObjectFields } from './object-fields.ts';

/** Labels of something, and what is missing where not all of them are known. */
export interface KnownLabels {
  readonly labels: Labels;
  readonly missing?: Unknown;
}

/** A selector of Istio: every label must be there. An empty one selects everything. */
export function selectsLabels(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([name, value]) => labels[name] === value);
}

interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values: readonly string[];
}

/** A selector of Kubernetes, with expressions. */
export interface LabelSelector {
  readonly requirements: readonly Requirement[];
}

export function readLabelSelector(fields: ObjectFields): LabelSelector {
  const exact = Object.entries(fields.map('matchLabels')).map(([key, value]) => {
    return { key, operator: 'In', values: [value] };
  });
  const expressions = fields.objects('matchExpressions').map((one) => ({
    key: one.text('key') ?? '',
    operator: one.text('operator') ?? '',
    values: one.texts('values'),
  }));
  return { requirements: [...exact, ...expressions] };
}

export function selects({ requirements }: LabelSelector, known: KnownLabels): Answer {
  return every(requirements, ({ key, operator, values }): Answer => {
    const value = known.labels[key];
    if (value === undefined && known.missing) return known.missing;
    switch (operator) {
      case 'In':
        return value !== undefined && values.includes(value);
      case 'NotIn':
        return value === undefined || !values.includes(value);
      case 'Exists':
        return value !== undefined;
      case 'DoesNotExist':
        return value === undefined;
      default:
        return unknown('field-unknown', `operator ${operator}`);
    }
  });
}
