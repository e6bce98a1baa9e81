// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { parseDocument } from 'yaml';
import { z } from 'zod';
import { PosternError, problemText } from '../model/errors.ts';
import { parseYaml } from './read.ts';

const place = z.strictObject({
  gateway: z.string().optional().describe('Listener of the gateway, `host:port`.'),
  ca: z.string().optional().describe('PEM root that vouches for it.'),
  serverName: z.string().optional().describe('Name in its certificate.'),
  port: z.int().min(0).max(65_535).optional().describe('Local port.'),
});

const profileSchema = z.strictObject({
  default: place.optional().describe('For Targets that are not listed.'),
  targets: z.record(z.string(), place).default({}).describe('By name, or `namespace/name`.'),
});

/** Where a person reaches a Target. */
export type ClientPlace = z.output<typeof place>;

/**
 * What the profile says about a Target; empty when there is no file. Throws `config-invalid` or
 * `file-unreadable`.
 */
export function readClientPlace(file: string, target: string): ClientPlace {
  if (!existsSync(file)) return {};
  const profile = parseYaml(profileSchema, readText(file), file);
  const found = { ...profile.default, ...profile.targets[target] };
  return { ...found, ...(found.ca !== undefined && { ca: resolve(dirname(file), found.ca) }) };
}

/** Adds or replaces one Target; comments and order of the others stay. */
export function saveClientPlace(file: string, target: string, of: ClientPlace): void {
  const text = existsSync(file) ? readText(file) : '';
  parseYaml(profileSchema, text, file);
  const document = parseDocument(text === '' ? '{}' : text);
  document.setIn(['targets', target], document.createNode(of));
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const temporary = `${file}.${process.pid}`;
    writeFileSync(temporary, document.toString({ collectionStyle: 'block' }), { mode: 0o600 });
    renameSync(temporary, file);
  } catch (cause) {
    throw new PosternError('file-unwritable', { file, problem: problemText(cause) }, cause);
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
  }
}
