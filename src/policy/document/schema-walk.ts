// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { Path } from '../source-tree.ts';

/** The schema below defaults and `optional`, and what those said. */
export interface Unwrapped {
  readonly schema: z.core.$ZodType;
  readonly optional: boolean;
  readonly byDefault?: unknown;
  readonly description?: string;
  /** What the reference page calls this type. */
  readonly title?: string;
}

/** Takes off the wrappers that only say whether a value may be absent. */
export function unwrap(schema: z.core.$ZodType): Unwrapped {
  const { description, title } = z.globalRegistry.get(schema) ?? {};
  const own = {
    ...(description !== undefined && { description }),
    ...(title !== undefined && { title }),
  };
  if (schema instanceof z.ZodOptional) {
    return { ...unwrap(schema.unwrap()), ...own, optional: true };
  }
  if (schema instanceof z.ZodDefault || schema instanceof z.ZodPrefault) {
    const inner = unwrap(schema.unwrap());
    return { ...inner, ...own, optional: true, byDefault: schema.def.defaultValue };
  }
  if (schema instanceof z.ZodPipe) return { ...unwrap(schema.in), ...own };
  return { schema, optional: false, ...own };
}

/** The keys a mapping at this path may have; undefined when it is not a mapping with fixed keys. */
export function knownKeys(schema: z.core.$ZodType, path: Path): readonly string[] | undefined {
  let current = unwrap(schema).schema;
  for (const step of path) {
    const next = childSchema(current, step);
    if (next === undefined) return undefined;
    current = unwrap(next).schema;
  }
  return current instanceof z.ZodObject ? Object.keys(current.shape) : undefined;
}

function childSchema(schema: z.core.$ZodType, step: string | number): z.core.$ZodType | undefined {
  if (schema instanceof z.ZodArray) return schema.element;
  if (schema instanceof z.ZodObject) return (schema.shape as Record<string, z.ZodType>)[step];
  return schema instanceof z.ZodRecord ? schema.valueType : undefined;
}
