// SPDX-License-Identifier: Apache-2.0

/** The package brings no types; this is what the tests use of it. */
declare module 'js-yaml' {
  /** The one document of a text, read as YAML 1.1; throws when it cannot be read. */
  export function load(text: string): unknown;
  export function loadAll(text: string): unknown[];
}
