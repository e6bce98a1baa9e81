// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { repositoryFile } from './repository-file.ts';

/** What the published schemas use; anything else in them would be a fault of this reader. */
interface Schema {
  readonly type?: string;
  readonly format?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema | boolean;
  readonly items?: Schema;
  readonly required?: readonly string[];
  readonly enum?: readonly unknown[];
  readonly pattern?: string;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly anyOf?: readonly Schema[];
  readonly oneOf?: readonly Schema[];
  readonly allOf?: readonly Schema[];
  readonly not?: Schema;
  readonly $ref?: string;
  readonly 'x-kubernetes-int-or-string'?: boolean;
  readonly 'x-kubernetes-preserve-unknown-fields'?: boolean;
}

interface Published {
  readonly definitions: Readonly<Record<string, Schema>>;
  readonly kinds: Readonly<Record<string, Schema>>;
}

const published = JSON.parse(
  readFileSync(repositoryFile('test/vectors/kubernetes/schemas.json'), 'utf8'),
) as Published;

/** Faults of an object under the published schema of its kind; unknown fields are faults. */
export function schemaFaults(object: Readonly<Record<string, unknown>>): readonly string[] {
  const kind = `${object['apiVersion']}/${object['kind']}`;
  const schema = published.kinds[kind];
  return schema ? faults(schema, object, kind, true) : [`there is no schema of ${kind}`];
}

function faults(schema: Schema, value: unknown, path: string, strict: boolean): readonly string[] {
  if (schema.$ref !== undefined) {
    const definition = published.definitions[schema.$ref];
    return definition ? faults(definition, value, path, strict) : [`${path}: ${schema.$ref}?`];
  }
  const combined = combinations(schema, value, path);
  if (schema['x-kubernetes-int-or-string']) {
    const fits = typeof value === 'string' || Number.isInteger(value);
    return fits ? combined : [`${path}: neither number nor text`];
  }
  if (schema.enum && !schema.enum.includes(value)) return [`${path}: ${value} is not allowed`];
  if (Array.isArray(value)) return [...combined, ...listFaults(schema, value, path)];
  if (typeof value === 'object' && value !== null) {
    const mapping = value as Readonly<Record<string, unknown>>;
    return [...combined, ...mappingFaults(schema, mapping, path, strict)];
  }
  return [...combined, ...scalarFaults(schema, value, path)];
}

function scalarFaults(schema: Schema, value: unknown, path: string): readonly string[] {
  if (schema.type === undefined || schema.format === 'int-or-string') return [];
  const type = Number.isInteger(value) && schema.type === 'integer' ? 'integer' : typeof value;
  if (type !== schema.type) return [`${path}: ${type} instead of ${schema.type}`];
  const { pattern, minLength = 0, maxLength = Number.POSITIVE_INFINITY } = schema;
  if (typeof value === 'string') {
    const fits = value.length >= minLength && value.length <= maxLength;
    const matches = pattern === undefined || new RegExp(pattern).test(value);
    return fits && matches ? [] : [`${path}: ${value} does not fit`];
  }
  const { minimum = Number.NEGATIVE_INFINITY, maximum = Number.POSITIVE_INFINITY } = schema;
  return Number(value) >= minimum && Number(value) <= maximum ? [] : [`${path}: out of range`];
}

function listFaults(schema: Schema, list: readonly unknown[], path: string): readonly string[] {
  if (schema.type !== undefined && schema.type !== 'array') return [`${path}: a list`];
  const { minItems = 0, maxItems = Number.POSITIVE_INFINITY, items } = schema;
  const size = list.length >= minItems && list.length <= maxItems ? [] : [`${path}: its length`];
  return [
    ...size,
    ...list.flatMap((one, index) => (items ? faults(items, one, `${path}[${index}]`, true) : [])),
  ];
}

function mappingFaults(
  schema: Schema,
  mapping: Readonly<Record<string, unknown>>,
  path: string,
  strict: boolean,
): readonly string[] {
  if (schema.type !== undefined && schema.type !== 'object') return [`${path}: a mapping`];
  const missing = (schema.required ?? []).filter((key) => !(key in mapping));
  const open = schema['x-kubernetes-preserve-unknown-fields'] === true || !strict;
  return [
    ...missing.map((key) => `${path}: ${key} is missing`),
    ...Object.entries(mapping).flatMap(([key, value]) => {
      const own = schema.properties?.[key];
      if (own) return faults(own, value, `${path}.${key}`, strict);
      const other = schema.additionalProperties;
      if (typeof other === 'object') return faults(other, value, `${path}.${key}`, strict);
      return open || other === true ? [] : [`${path}: there is no field ${key}`];
    }),
  ];
}

/** Parts of a combination name only the fields they are about. */
function combinations(schema: Schema, value: unknown, path: string): readonly string[] {
  const fits = (part: Schema) => faults(part, value, path, false).length === 0;
  const one = schema.oneOf && schema.oneOf.filter(fits).length !== 1;
  const any = schema.anyOf && !schema.anyOf.some(fits);
  const all = schema.allOf && !schema.allOf.every(fits);
  const not = schema.not && fits(schema.not);
  return one || any || all || not ? [`${path}: a combination that is not allowed`] : [];
}
