// SPDX-License-Identifier: Apache-2.0
import { inspect } from 'node:util';

const REDACTED = '[secret]';

/**
 * A string that refuses to print itself: templates, JSON, logs and `console.log` all show
 * `[secret]`. The value leaves only through `reveal()`, whose call sites a test counts.
 */
export class Secret {
  readonly #value: string;

  constructor(value: string) {
    this.#value = value;
  }

  reveal(): string {
    return this.#value;
  }

  toString(): string {
    return REDACTED;
  }

  toJSON(): string {
    return REDACTED;
  }

  [inspect.custom](): string {
    return REDACTED;
  }
}
