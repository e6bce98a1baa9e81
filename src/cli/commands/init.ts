// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { Option } from 'commander';
import { PosternError, problemText } from '../../model/errors.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { SKELETON_PRESETS, type SkeletonPreset } from '../init/provider-skeleton.ts';
import { skeleton } from '../init/skeleton.ts';

export const registerInit: RegisterCommand = (program, context, run) => {
  program
    .command('init [directory]')
    .description('write a small declaration to begin with')
    .addOption(
      new Option('--provider <preset>', 'where people or CI jobs come from')
        .choices([...SKELETON_PRESETS])
        .default('entra'),
    )
    .addHelpText('after', '\n  postern init my-access --provider okta')
    .action((directory: string | undefined, options: { provider: SkeletonPreset }) =>
      run(async () => init(directory ?? '.', options.provider, context)),
    );
};

function init(directory: string, preset: SkeletonPreset, context: CommandContext): ExitCode {
  const base = resolve(context.cwd, directory);
  const files = [...skeleton(preset)].map(([path, text]) => ({ path: join(base, path), text }));
  const taken = files.filter(({ path }) => existsSync(path));
  if (taken.length > 0) {
    const names = taken.map(({ path }) => relative(context.cwd, path)).join(', ');
    const problem = `Nothing was written: ${names} exist already. Name another directory.`;
    throw new PosternError('usage', { problem });
  }
  for (const { path, text } of files) {
    writeNew(path, text);
    context.out(`wrote ${relative(context.cwd, path)}`);
  }
  const into = directory === '.' ? '' : `cd ${directory} && `;
  context.out(`
It is complete and can be checked now; the names in it are examples. Replace them with yours:
  postern.yaml              where the gateway listens, its certificate, its audit
  policy/identity.yaml      your cluster and your identity provider
  policy/orders.yaml        your database
  policy/rules.yaml         who may do what
  policy/expectations.yaml  what must stay true

Next: ${into}postern check`);
  return 0;
}

/** `wx`: a file that appears in between is not overwritten either. */
function writeNew(path: string, text: string): void {
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: 'wx' });
  } catch (cause) {
    throw new PosternError('file-unwritable', { file: path, problem: problemText(cause) }, cause);
  }
}
