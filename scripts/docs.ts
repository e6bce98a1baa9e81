// SPDX-License-Identifier: Apache-2.0
import { readFileSync, writeFileSync } from 'node:fs';
import { generatedDocuments, withPart } from './reference.ts';

// The pages must not depend on the width of the terminal that printed them.
process.stdout.isTTY = false;

for (const { path, part, text } of await generatedDocuments()) {
  const whole = part === undefined ? text : withPart(readFileSync(path, 'utf8'), part, text);
  writeFileSync(path, whole);
  console.log(part === undefined ? path : `${path} (${part})`);
}
