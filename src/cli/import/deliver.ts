// SPDX-License-Identifier: Apache-2.0
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { declarationText, type Imported } from '../../import/document.ts';
import { importCounts, importReport } from '../../import/report-text.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { checkSources } from '../../policy/check.ts';
import { diagnosticsText } from '../../policy/diagnostic-text.ts';
import type { Source } from '../../policy/parse.ts';
import { readSources } from '../../policy/read-sources.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { declarationAtHand } from '../declaration.ts';

export interface DeliveryOptions {
  readonly out?: string;
  readonly force?: boolean;
  readonly json?: boolean;
  readonly policy?: readonly string[];
}

export interface Delivery {
  /** `orders`: the declaration is `orders.yaml`, the report `orders.report.txt`. */
  readonly name: string;
  readonly imported: Imported;
  readonly declared: readonly Source[];
  /** Files for a person to edit, by name; never overwritten. */
  readonly toEdit?: ReadonlyMap<string, string>;
  readonly next: string;
}

/** The declaration that is there already: that named, else that at hand, else none. */
export async function declaredSources(
  { policy, out }: DeliveryOptions,
  name: string,
  context: CommandContext,
): Promise<readonly Source[]> {
  const paths = policy ?? declarationAtHand(context) ?? [];
  const { sources, faults } = await readSources(paths, context.cwd);
  const [fault] = faults;
  if (fault)
    throw new PosternError('file-unreadable', { file: fault.file, problem: fault.message });
  const own = out === undefined ? undefined : resolve(context.cwd, out, `${name}.yaml`);
  return sources.filter(({ path }) => resolve(context.cwd, path) !== own);
}

/**
 * Checks what was made beside what is declared, then writes or prints it. A fault can only come
 * from what a person wrote into a map or an option: nothing is written then.
 */
export function deliver(
  delivery: Delivery,
  options: DeliveryOptions,
  context: CommandContext,
): ExitCode {
  const { name, imported, declared, next } = delivery;
  const text = declarationText(imported.documents);
  const directory = resolve(context.cwd, options.out ?? '.');
  const path = relative(context.cwd, join(directory, `${name}.yaml`));
  const sources = [...declared, { path, text, directory }];
  const { diagnostics, policy } = checkSources(sources);
  if (!policy) {
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    context.err(diagnosticsText(errors, sources));
    throw new PosternError('policy-invalid', {
      count: errors.length,
      hint: 'Nothing was written. Correct the map or the options, or name what is declared already with --policy.',
    });
  }
  const counts = importCounts(imported.entries);
  const files = new Map([
    [`${name}.yaml`, text],
    [`${name}.report.txt`, importReport(imported.entries)],
  ]);
  if (options.out !== undefined) write(directory, files, delivery.toEdit, options.force ?? false);
  if (options.json) {
    context.out(JSON.stringify({ counts, entries: imported.entries, declaration: text }, null, 2));
  } else if (options.out === undefined) {
    context.out(text.trimEnd());
    context.err(importReport(imported.entries).trimEnd());
  } else {
    const { facts, carried, changed, left } = counts;
    context.out(
      [
        `${facts} facts read: ${carried} carried over, ${changed} changed, ${left} left.`,
        `Written to ${options.out}: ${[...files.keys(), ...(delivery.toEdit?.keys() ?? [])].join(', ')}`,
        `Next: ${next}`,
      ].join('\n'),
    );
  }
  return counts.left > 0 ? 1 : 0;
}

/** What somebody may have edited since is not overwritten unasked. */
function write(
  directory: string,
  files: ReadonlyMap<string, string>,
  toEdit: ReadonlyMap<string, string> = new Map(),
  force: boolean,
): void {
  const present = (name: string) => existsSync(join(directory, name));
  const differing = [...files].find(
    ([name, text]) => present(name) && readFileSync(join(directory, name), 'utf8') !== text,
  );
  if (differing && !force) {
    const problem = `${join(directory, differing[0])} is there with other content; --force overwrites it.`;
    throw new PosternError('usage', { problem });
  }
  for (const [name, text] of [...files, ...[...toEdit].filter(([name]) => !present(name))]) {
    const file = join(directory, name);
    try {
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    } catch (cause) {
      throw new PosternError('file-unwritable', { file, problem: problemText(cause) }, cause);
    }
  }
}
