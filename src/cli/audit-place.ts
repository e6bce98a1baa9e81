// SPDX-License-Identifier: Apache-2.0
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { readSettings } from '../config/read.ts';
import { PosternError } from '../model/errors.ts';
import type { CommandContext } from './command.ts';
import { SETTINGS_FILE } from './declaration.ts';

export interface AuditPlaceOptions {
  readonly dir?: string;
  readonly config?: string;
}

/** The audit directory: as given, else from the settings file. Throws `usage` without both. */
export function auditDirectory(options: AuditPlaceOptions, context: CommandContext): string {
  const given = options.dir !== undefined;
  const settingsFile = resolve(context.cwd, options.config ?? SETTINGS_FILE);
  if (!given && options.config === undefined && !existsSync(settingsFile)) {
    throw new PosternError('usage', {
      problem: `There is no ${SETTINGS_FILE} here; say where the audit is with --dir DIR.`,
    });
  }
  const directory = given
    ? resolve(context.cwd, options.dir ?? '')
    : readSettings(settingsFile).settings.audit.directory;
  if (!existsSync(directory)) {
    const hint = 'A gateway writes it from its start on; --dir DIR names another place.';
    throw new PosternError('file-unreadable', {
      file: directory,
      problem: 'it does not exist',
      hint,
    });
  }
  return directory;
}
