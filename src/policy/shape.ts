// SPDX-License-Identifier: Apache-2.0
import type { z } from 'zod';
import type { RuleReference } from '../model/decision.ts';
import type { Labels } from '../model/principal.ts';
import type { DiagnosticFacts, DiagnosticList } from './diagnostic.ts';
import { API_VERSION } from './document/field.ts';
import { DOCUMENT_SCHEMAS, KINDS, type Kind, type Spec } from './document/kind.ts';
import { knownKeys } from './document/schema-walk.ts';
import { nearest, suggestion } from './nearest.ts';
import type { ParsedDocument } from './parse.ts';
import {
  keyPlaceAt,
  nodeAt,
  type Path,
  pathText,
  placeAt,
  plainValue,
  type TreeNode,
} from './source-tree.ts';

/** A document whose shape is right; references are not yet resolved. */
export interface ShapedDocument<K extends Kind = Kind> {
  readonly kind: K;
  readonly name: string;
  /** Empty for cluster-scoped kinds. */
  readonly namespace: string;
  readonly labels: Labels;
  readonly rule: RuleReference;
  readonly spec: Spec<K>;
  readonly parsed: ParsedDocument;
  /** What was left out because it had faults; the rest is checked all the same. */
  readonly pruned: readonly Path[];
}

interface Envelope {
  readonly metadata: {
    readonly name: string;
    readonly namespace?: string;
    readonly labels: Labels;
  };
  readonly spec: unknown;
}

/** Checks apiVersion, kind, keys and values of one document; every fault goes to `found`. */
export function shapeDocument(
  parsed: ParsedDocument,
  found: DiagnosticList,
): ShapedDocument | undefined {
  const { root } = parsed;
  const kind = documentKind(root, found);
  if (kind === undefined) return undefined;
  const schema = DOCUMENT_SCHEMAS.get(kind);
  if (schema === undefined) return undefined;
  const value = plainValue(root);
  const first = schema.safeParse(value);
  let result = first;
  let pruned: readonly Path[] = [];
  if (!first.success) {
    for (const issue of first.error.issues) reportIssue(issue, schema, root, found);
    pruned = first.error.issues.flatMap((issue) => prune(value, issue));
    result = schema.safeParse(value);
    if (!result.success) return undefined;
  }
  const { metadata, spec } = result.data as Envelope;
  const namespace = metadata.namespace ?? '';
  const scope = namespace === '' ? '' : `${namespace}/`;
  return {
    kind,
    name: metadata.name,
    namespace,
    labels: metadata.labels,
    rule: { name: `${kind}/${scope}${metadata.name}`, position: root.place },
    spec: spec as Spec<typeof kind>,
    parsed,
    pruned,
  };
}

/**
 * Takes the innermost key that holds a fault out of `value`, so that whatever else the document
 * says can still be checked: all faults are to be found at once. Lists stay whole or go as a whole,
 * because diagnostics are placed by index.
 */
function prune(value: unknown, issue: z.core.$ZodIssue): readonly Path[] {
  const path = pathOf(issue);
  const paths =
    issue.code === 'unrecognized_keys' ? issue.keys.map((key) => [...path, key]) : [path];
  return paths.map((at) => {
    let end = at.length;
    while (end > 0 && typeof at[end - 1] === 'number') end -= 1;
    const parent = at.slice(0, end - 1).reduce<unknown>(member, value);
    const key = at[end - 1];
    if (typeof parent === 'object' && parent !== null && key !== undefined) {
      Reflect.deleteProperty(parent, key);
    }
    return at.slice(0, end);
  });
}

function member(value: unknown, step: string | number): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, step) : undefined;
}

function pathOf(issue: z.core.$ZodIssue): Path {
  return issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
}

function documentKind(root: TreeNode, found: DiagnosticList): Kind | undefined {
  const version = nodeAt(root, ['apiVersion']);
  const versionValue = version?.type === 'scalar' ? version.value : undefined;
  if (versionValue !== API_VERSION) {
    const shown = version === undefined ? 'missing' : String(versionValue ?? 'not text');
    found.add('api-version', placeAt(root, ['apiVersion']), { found: shown });
  }
  const node = nodeAt(root, ['kind']);
  const value = node?.type === 'scalar' ? node.value : undefined;
  const kind = KINDS.find((one) => one === value);
  if (kind === undefined && (versionValue === API_VERSION || node === undefined)) {
    found.add('kind-unknown', placeAt(root, ['kind']), {
      kind: node === undefined ? '(the key is missing)' : String(value ?? '(not text)'),
      suggestion: suggestion(String(value ?? ''), KINDS, ''),
    });
  }
  return versionValue === API_VERSION ? kind : undefined;
}

function reportIssue(
  issue: z.core.$ZodIssue,
  schema: z.ZodType,
  root: TreeNode,
  found: DiagnosticList,
): void {
  const path = pathOf(issue);
  const place = placeAt(root, path);
  const where = pathText(path);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(schema, path) ?? [];
    for (const key of issue.keys) {
      const facts = { key, where, suggestion: keySuggestion(key, path, known) };
      found.add('key-unknown', keyPlaceAt(root, path, key), facts);
    }
    return;
  }
  if (issue.code === 'invalid_key') {
    const key = String(path.at(-1) ?? '');
    const problem = issue.issues[0]?.message ?? 'is not a valid key';
    const facts = { where, problem: `the key "${key}" ${problem}`, suggestion: 'Rename the key.' };
    found.add('value-invalid', keyPlaceAt(root, path.slice(0, -1), key), facts);
    return;
  }
  const node = nodeAt(root, path);
  if (node?.type === 'scalar' && node.ambiguous) return;
  if (node === undefined) {
    const key = String(path.at(-1) ?? '');
    found.add('key-missing', place, { where: pathText(path.slice(0, -1)), key });
  } else if (issue.code === 'invalid_type') {
    found.add('value-type', place, { where, ...typeFacts(issue.expected, node) });
  } else if (issue.code === 'invalid_value') {
    found.add('value-invalid', place, { where, ...optionFacts(issue.values, node) });
  } else {
    const empty = issue.code === 'too_small' && issue.origin === 'array';
    const problem = empty ? 'the list must not be empty' : issue.message;
    found.add('value-invalid', place, { where, problem, suggestion: 'Correct the value.' });
  }
}

function keySuggestion(key: string, path: Path, known: readonly string[]): string {
  if (path.length === 1 && path[0] === 'metadata' && key === 'namespace') {
    return 'This kind is cluster-scoped; remove the namespace.';
  }
  return suggestion(key, known, 'Remove it.');
}

const TYPE_NAMES: Readonly<Record<string, string>> = {
  string: 'text',
  int: 'a whole number',
  number: 'a number',
  boolean: 'true or false',
  array: 'a list',
  object: 'a mapping',
  record: 'a mapping',
};

function typeFacts(expected: string, node: TreeNode): DiagnosticFacts {
  const wanted = TYPE_NAMES[expected] ?? expected;
  const found = describeNode(node);
  const quotable = node.type === 'scalar' && node.value !== null;
  if (expected === 'string' && quotable) {
    return { expected: wanted, found, suggestion: `Quote it: "${node.value}".` };
  }
  if (expected === 'array') return { expected: wanted, found, suggestion: 'Write it as [...].' };
  return { expected: wanted, found, suggestion: `Write ${wanted}.` };
}

function describeNode(node: TreeNode): string {
  if (node.type !== 'scalar') return node.type === 'list' ? 'a list' : 'a mapping';
  if (node.value === null) return 'empty';
  return typeof node.value === 'string' ? 'text' : `the ${typeof node.value} ${node.value}`;
}

function optionFacts(values: readonly unknown[], node: TreeNode): DiagnosticFacts {
  const options = values.map(String);
  const given = node.type === 'scalar' ? String(node.value) : describeNode(node);
  const meant = nearest(given, options);
  return {
    problem: `${given} is not one of ${options.join(', ')}`,
    suggestion: meant === undefined ? `Use one of them.` : `Did you mean "${meant}"?`,
  };
}
