// SPDX-License-Identifier: Apache-2.0
import { createRequire } from 'node:module';

interface JsYaml {
  load(text: string): unknown;
  loadAll(text: string): unknown[];
}

/** A YAML parser that shares no code with the one Postern uses; it comes without types. */
export const jsYaml = createRequire(import.meta.url)('js-yaml') as JsYaml;
