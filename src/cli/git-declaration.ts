// SPDX-License-Identifier: Apache-2.0
import { execFile } from 'node:child_process';
import { dirname, isAbsolute, relative, resolve } from 'node:path';
import { promisify } from 'node:util';
import { PosternError, problemText } from '../model/errors.ts';
import type { Source } from '../policy/parse.ts';

const run = promisify(execFile);
const MAX_OUTPUT_BYTES = 64 << 20;

/**
 * The declaration at `paths` as a git commit has it, read with `ls-tree` and `show`: the working
 * tree stays untouched. Throws `usage` when `ref` names no commit or a path is not in it.
 */
export async function declarationAt(
  ref: string,
  paths: readonly string[],
  cwd: string,
): Promise<readonly Source[]> {
  const commit = await commitOf(ref, cwd);
  const sources: Source[] = [];
  for (const path of paths) {
    const inside = relative(cwd, resolve(cwd, path)) || '.';
    if (isAbsolute(inside)) throw notThere(ref, path);
    const files = await listed(commit, inside, cwd);
    if (files.length === 0) throw notThere(ref, path);
    for (const file of files) {
      const text = await git(['show', `${commit}:./${file}`], cwd);
      sources.push({ path: file, text, directory: dirname(resolve(cwd, file)) });
    }
  }
  return sources;
}

function notThere(ref: string, path: string): PosternError {
  return new PosternError('usage', { problem: `There is no declaration ${path} in ${ref}.` });
}

async function commitOf(ref: string, cwd: string): Promise<string> {
  try {
    const args = ['rev-parse', '--verify', '--quiet', '--end-of-options', `${ref}^{commit}`];
    return (await git(args, cwd)).trim();
  } catch (cause) {
    // 127 and the like would mean that git itself is missing.
    if (isMissing(cause)) {
      const remedy = 'Install git, or compare with a directory.';
      throw new PosternError('requirement-missing', { requirement: 'git', remedy }, cause);
    }
    const problem = `${ref} is neither a path here nor a commit of this repository.`;
    throw new PosternError('usage', { problem }, cause);
  }
}

/** The same files as a directory would give: `*.yaml` and `*.yml`, nothing that begins with a dot. */
async function listed(commit: string, path: string, cwd: string): Promise<readonly string[]> {
  const out = await git(['ls-tree', '-r', '-z', '--name-only', commit, '--', path], cwd);
  const files = out.split('\0').filter((file) => file !== '');
  const asked = relative('.', path);
  return files.filter(
    (file) => file === asked || (/\.ya?ml$/.test(file) && !hidden(relative(path, file))),
  );
}

function hidden(path: string): boolean {
  return path.split('/').some((part) => part.startsWith('.') && part !== '..');
}

async function git(args: readonly string[], cwd: string): Promise<string> {
  const { stdout } = await run('git', args, { cwd, maxBuffer: MAX_OUTPUT_BYTES });
  return stdout;
}

function isMissing(cause: unknown): boolean {
  return problemText(cause).includes('ENOENT');
}
