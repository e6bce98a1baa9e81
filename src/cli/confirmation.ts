// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../model/errors.ts';
import type { CommandContext } from './command.ts';

/**
 * Whether a person said yes, now or with --yes; everything else is no. Throws `usage`, telling what
 * could be done `instead`, where nobody can be asked: standard output may be a program's.
 */
export async function confirmed(
  question: string,
  instead: string,
  { yes, json }: { readonly yes?: boolean; readonly json?: boolean },
  { ask }: CommandContext,
): Promise<boolean> {
  if (yes) return true;
  if (!ask || json) {
    const problem = `There is nobody to ask here: give --yes, or ${instead}.`;
    throw new PosternError('usage', { problem });
  }
  return /^(y|yes)$/i.test((await ask(`${question} [y/N] `)).trim());
}
