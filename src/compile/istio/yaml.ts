// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import { type Artifact, Traced, type Value } from './artifact.ts';

type Mapping = { readonly [key: string]: Value };

/** Everything else is quoted: nothing may read as another type under YAML 1.1 or 1.2. */
const PLAIN = /^[A-Za-z][A-Za-z0-9./_-]*$/;
const RESERVED = /^(y|n|yes|no|true|false|on|off|null)$/i;

/** A document per object; beside each part the declaration lines it comes from, as a comment. */
export function artifactYaml(artifact: Artifact): string {
  const { apiVersion, kind, rules, content } = artifact;
  const metadata = Object.entries(artifact.metadata).filter(([, value]) => value !== undefined);
  const whole = { apiVersion, kind, metadata: Object.fromEntries(metadata), ...content };
  return `${[...comment(rules, ''), ...mappingLines(whole, '')].join('\n')}\n`;
}

/** Any mapping as one YAML document that reads the same under YAML 1.1 and 1.2. */
export function mappingYaml(mapping: Mapping): string {
  return `${mappingLines(mapping, '').join('\n')}\n`;
}

function mappingLines(mapping: Mapping, indent: string): readonly string[] {
  return Object.entries(mapping).flatMap(([key, value]) => {
    const name = `${indent}${scalar(key)}:`;
    const { inner, rules } = opened(value);
    if (!isNested(inner)) return [`${name} ${flat(inner)}${trailing(rules)}`];
    const below = Array.isArray(inner)
      ? listLines(inner, indent)
      : mappingLines(inner as Mapping, `${indent}  `);
    return [`${name}${trailing(rules)}`, ...below];
  });
}

function listLines(list: readonly Value[], indent: string): readonly string[] {
  return list.flatMap((value) => {
    const { inner, rules } = opened(value);
    if (!isNested(inner)) return [`${indent}- ${flat(inner)}${trailing(rules)}`];
    const lines = Array.isArray(inner)
      ? listLines(inner, `${indent}  `)
      : mappingLines(inner as Mapping, `${indent}  `);
    const [first = '', ...rest] = lines;
    return [...comment(rules, indent), `${indent}- ${first.slice(indent.length + 2)}`, ...rest];
  });
}

function opened(value: Value): { inner: Exclude<Value, Traced>; rules: readonly RuleReference[] } {
  if (!(value instanceof Traced)) return { inner: value, rules: [] };
  const { inner, rules } = opened(value.value);
  return { inner, rules: [...value.rules, ...rules] };
}

function isNested(value: Exclude<Value, Traced>): boolean {
  return typeof value === 'object' && Object.keys(value).length > 0;
}

function flat(value: Exclude<Value, Traced>): string {
  if (typeof value === 'object') return Array.isArray(value) ? '[]' : '{}';
  return typeof value === 'string' ? scalar(value) : String(value);
}

/** JSON strings are YAML strings; what JSON leaves as it is and YAML breaks lines at is escaped. */
function scalar(text: string): string {
  if (PLAIN.test(text) && !RESERVED.test(text)) return text;
  return JSON.stringify(text).replace(
    /[\u007f-\u009f\u2028\u2029\ufeff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

function trailing(rules: readonly RuleReference[]): string {
  return rules.length === 0 ? '' : `  # ${origins(rules)}`;
}

function comment(rules: readonly RuleReference[], indent: string): readonly string[] {
  return rules.length === 0 ? [] : [`${indent}# ${origins(rules)}`];
}

/** A comment ends at the line's end: nothing declared may bring its own line. */
function origins(rules: readonly RuleReference[]): string {
  const texts = rules.map(({ name, position }) => `${name} (${position.file}:${position.line})`);
  return [...new Set(texts)].join(', ').replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu, '?');
}
