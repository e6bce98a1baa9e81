// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type JsonObject } from '../../compile/kube/object.ts';

/**
 * Reads an object by the fields that the model knows, and remembers what it met beside them: a
 * field that nobody reads might decide. Each part has the path from the object's root.
 */
export class ObjectFields {
  readonly path: string;
  readonly #fields: JsonObject;
  readonly #strange: Set<string>;
  readonly #read = new Set<string>();
  readonly #inner: ObjectFields[] = [];

  constructor(value: unknown, path: string) {
    this.path = path;
    this.#strange = new Set();
    this.#fields = isJsonObject(value) ? value : {};
    if (value !== undefined && value !== null && !isJsonObject(value)) this.#strange.add(path);
  }

  has(key: string): boolean {
    this.#read.add(key);
    return this.#fields[key] !== undefined && this.#fields[key] !== null;
  }

  keys(): readonly string[] {
    return Object.keys(this.#fields);
  }

  text(key: string): string | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#fields[key];
    if (typeof value === 'string') return value;
    this.#strange.add(`${this.path}/${key}`);
    return undefined;
  }

  texts(key: string): readonly string[] {
    const values = this.#list(key);
    const texts = values.filter((value) => typeof value === 'string');
    if (texts.length < values.length) this.#strange.add(`${this.path}/${key}`);
    return texts;
  }

  /** A number, or text that stands for itself (an IntOrString). */
  numberOrText(key: string): number | string | undefined {
    if (!this.has(key)) return undefined;
    const value = this.#fields[key];
    if (typeof value === 'number' || typeof value === 'string') return value;
    this.#strange.add(`${this.path}/${key}`);
    return undefined;
  }

  /** Text by text, such as labels. */
  map(key: string): Readonly<Record<string, string>> {
    const fields = this.object(key);
    return Object.fromEntries(fields.keys().map((name) => [name, fields.text(name) ?? '']));
  }

  object(key: string): ObjectFields {
    this.#read.add(key);
    return this.#within(this.#fields[key], key);
  }

  objects(key: string): readonly ObjectFields[] {
    return this.#list(key).map((value, index) => this.#within(value, `${key}/${index}`));
  }

  /** Fields of no consequence for access. */
  ignore(...keys: readonly string[]): void {
    for (const key of keys) this.#read.add(key);
  }

  /** The first path that was not read or is of another type; call it after reading. */
  strange(): string | undefined {
    const [first] = this.#strange;
    if (first !== undefined) return first;
    const unread = this.keys().find((key) => !this.#read.has(key));
    if (unread !== undefined) return `${this.path}/${unread}`;
    for (const inner of this.#inner) {
      const found = inner.strange();
      if (found !== undefined) return found;
    }
    return undefined;
  }

  #list(key: string): readonly unknown[] {
    if (!this.has(key)) return [];
    const value = this.#fields[key];
    if (Array.isArray(value)) return value;
    this.#strange.add(`${this.path}/${key}`);
    return [];
  }

  #within(value: unknown, key: string): ObjectFields {
    const inner = new ObjectFields(value, `${this.path}/${key}`);
    this.#inner.push(inner);
    return inner;
  }
}
