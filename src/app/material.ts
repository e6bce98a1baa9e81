// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { PosternError, problemText } from '../model/errors.ts';
import type { Material } from '../policy/policy.ts';

/** Reads what a declaration points to. Throws `file-unreadable`. */
export function readMaterial(material: Material): string {
  if (material.from === 'env') {
    const value = process.env[material.name];
    if (value !== undefined) return value;
    const file = `environment variable ${material.name}`;
    throw new PosternError('file-unreadable', { file, problem: 'it is not set' });
  }
  try {
    return readFileSync(material.path, 'utf8');
  } catch (cause) {
    const facts = { file: material.path, problem: problemText(cause) };
    throw new PosternError('file-unreadable', facts, cause);
  }
}
