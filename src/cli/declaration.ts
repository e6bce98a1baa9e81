// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { readSettings } from '../config/read.ts';
import { PosternError } from '../model/errors.ts';
import type { CommandContext } from './command.ts';

export const SETTINGS_FILE = 'postern.yaml';
const DEFAULT_DIRECTORY = 'policy';
const DEFAULT_INSTANCE = 'postern';

/**
 * Where the declaration is: the paths given, else `policy:` of ./postern.yaml, else ./policy.
 * Throws `usage` when there is neither, `config-invalid` for broken settings.
 */
export function declarationPaths(
  given: readonly string[],
  context: CommandContext,
): readonly string[] {
  const paths = given.length > 0 ? given : declarationAtHand(context);
  if (paths) return paths;
  throw new PosternError('usage', {
    problem: `There is no ${SETTINGS_FILE} and no ./${DEFAULT_DIRECTORY} here. Name the files, or begin with: postern init`,
  });
}

/** The same without asking for one. Throws `config-invalid` for broken settings. */
export function declarationAtHand(context: CommandContext): readonly string[] | undefined {
  const settings = resolve(context.cwd, SETTINGS_FILE);
  if (existsSync(settings)) return readSettings(settings).settings.policy;
  return existsSync(resolve(context.cwd, DEFAULT_DIRECTORY)) ? [DEFAULT_DIRECTORY] : undefined;
}

/** Name of the installation. Throws `config-invalid` for broken settings. */
export function instanceAtHand(context: CommandContext): string {
  const settings = resolve(context.cwd, SETTINGS_FILE);
  return existsSync(settings) ? readSettings(settings).settings.instance : DEFAULT_INSTANCE;
}
