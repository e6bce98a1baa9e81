// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { z } from 'zod';
import type { DeclarationPlan } from '../app/plan-declaration.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { CommandContext } from './command.ts';
import type { LayerOptions } from './layer-options.ts';
import { jsonText, planJson } from './plan-json.ts';

const FORMAT = 'postern-plan/1';
const savedPlan = z.object({
  format: z.literal(FORMAT),
  digest: z.string(),
  choice: z.strictObject({
    cluster: z.array(z.string()).optional(),
    target: z.array(z.string()).optional(),
    only: z.enum(['mesh', 'database']).optional(),
    instance: z.string().optional(),
  }),
  plan: z.looseObject({ revision: z.string() }),
});

/** What was looked at and is to be done, and for which layers. */
export type SavedPlan = z.output<typeof savedPlan>;

/** Throws `file-unwritable`. */
export function savePlan(
  file: string,
  plan: DeclarationPlan,
  revision: string,
  { cluster, target, only, instance }: LayerOptions,
  context: CommandContext,
): void {
  const path = resolve(context.cwd, file);
  const choice = { cluster, target, only, instance };
  const digest = planDigest(plan, revision);
  const text = jsonText({ format: FORMAT, digest, choice, plan: planJson(plan, revision) });
  try {
    writeFileSync(path, `${text}\n`, { mode: 0o600 });
  } catch (cause) {
    throw new PosternError('file-unwritable', { file: path, problem: problemText(cause) }, cause);
  }
}

/** Throws `file-unreadable` or `usage`. */
export function readSavedPlan(file: string, context: CommandContext): SavedPlan {
  const path = resolve(context.cwd, file);
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    throw new PosternError('file-unreadable', { file: path, problem: problemText(cause) }, cause);
  }
  try {
    return savedPlan.parse(JSON.parse(text));
  } catch {
    throw new PosternError('usage', { problem: `${file} is not what postern plan --out wrote.` });
  }
}

/** Throws `plan-outdated` when something else would be done now than was saved. */
export function checkSavedPlan(
  file: string,
  { digest, plan: saved }: SavedPlan,
  plan: DeclarationPlan,
  revision: string,
): void {
  if (saved.revision !== revision) {
    throw new PosternError('plan-outdated', { file, problem: 'the declaration has changed' });
  }
  if (digest !== planDigest(plan, revision)) {
    const problem = 'a cluster or a database is not as it was';
    throw new PosternError('plan-outdated', { file, problem });
  }
}

/** Of every step with the values that were found; not of the moment, nor of what only is told. */
function planDigest(plan: DeclarationPlan, revision: string): string {
  const { clusters, databases } = planJson(plan, revision);
  const text = jsonText([revision, clusters, databases]);
  return createHash('sha256').update(text).digest('hex');
}
