// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';
import { PosternError } from '../model/errors.ts';
import type { Principal } from '../model/principal.ts';
import { diagnosticsText } from '../policy/diagnostic-text.ts';
import { type LoadedPolicy, loadPolicy } from '../policy/load.ts';
import { nearest } from '../policy/nearest.ts';
import type { Source } from '../policy/parse.ts';
import type { Policy, Target } from '../policy/policy.ts';
import { type PrincipalDetails, principalFromId } from '../policy/principal-from-id.ts';
import type { CommandContext } from './command.ts';
import { declarationPaths } from './declaration.ts';

/** What commands share that ask a declaration something. */
export interface AskingOptions {
  readonly policy?: readonly string[];
  readonly json?: boolean;
}

/** An option given several times; a variadic one would swallow the question behind it. */
export function collect(value: string, before: readonly string[] | undefined): readonly string[] {
  return [...(before ?? []), value];
}

export interface PrincipalOptions {
  readonly as: string;
  readonly group?: readonly string[];
  readonly appRole?: readonly string[];
  readonly claim?: readonly string[];
  readonly ownerId?: string;
  readonly repositoryId?: string;
  readonly ref?: string;
  readonly onBehalfOf?: string;
}

export function askingOptions(command: Command): Command {
  return command
    .option('--policy <path>', 'declaration (repeatable; default: as for check)', collect)
    .option('--json', 'print JSON');
}

/** Loads the declaration; its faults are printed. Throws `policy-invalid` when there are any. */
export async function askedPolicy(
  options: AskingOptions,
  context: CommandContext,
): Promise<Policy> {
  return (await askedDeclaration(options, context)).policy;
}

/** The same, with the text it was read from. */
export async function askedDeclaration(
  options: AskingOptions,
  context: CommandContext,
): Promise<{ readonly policy: Policy; readonly sources: readonly Source[] }> {
  const paths = declarationPaths(options.policy ?? [], context);
  const loaded = await loadPolicy(paths, { cwd: context.cwd });
  return { policy: soundPolicy(loaded, context), sources: loaded.sources };
}

export function soundPolicy(
  { policy, diagnostics, sources }: Pick<LoadedPolicy, 'policy' | 'diagnostics' | 'sources'>,
  context: CommandContext,
): Policy {
  if (policy) return policy;
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  context.err(diagnosticsText(errors, sources));
  throw new PosternError('policy-invalid', { count: errors.length });
}

/** `namespace/name`, or the name alone when one Target has it. Throws `usage`. */
export function targetNamed(name: string, policy: Policy): Target {
  const exact = policy.targets.get(name);
  if (exact) return exact;
  const all = [...policy.targets.values()];
  const [found, ...others] = all.filter((target) => target.name === name);
  if (found && others.length === 0) return found;
  if (found) {
    const ids = [found, ...others].map(({ id }) => id).join(', ');
    throw new PosternError('usage', { problem: `Several Targets are called ${name}: ${ids}.` });
  }
  const known = all.flatMap((target) => [target.name, target.id]);
  const meant = nearest(name, known);
  const hint = meant ? `Did you mean ${meant}?` : `Known: ${all.map(({ id }) => id).join(', ')}.`;
  throw new PosternError('usage', { problem: `There is no Target ${name}. ${hint}` });
}

export function principalOptions(command: Command): Command {
  return command
    .option('--group <id>', 'a group the person is in (repeatable)', collect)
    .option('--app-role <value>', 'an application role it has (repeatable)', collect)
    .option('--claim <name=value>', 'a verified claim (repeatable; a name twice: a list)', collect)
    .option('--owner-id <id>', 'ci: id of the owner')
    .option('--repository-id <id>', 'ci: id of the repository')
    .option('--ref <ref>', 'ci: branch or tag, such as refs/heads/main')
    .option('--on-behalf-of <principal>', 'for whom it acts');
}

/** Throws `usage` when the words name nobody. */
export function principalNamed(options: PrincipalOptions, policy: Policy): Principal {
  const { group, appRole, ownerId, repositoryId, ref, onBehalfOf } = options;
  const shared = {
    ...(appRole && { appRoles: appRole }),
    ...(group && { groups: group }),
    claims: claimsOf(options.claim ?? []),
    ci: {
      ...(ownerId !== undefined && { ownerId }),
      ...(repositoryId !== undefined && { repositoryId }),
      ...(ref !== undefined && { ref }),
    },
  };
  if (onBehalfOf === undefined) return read(options.as, shared, policy);
  // Groups and claims are a person's; the one who acts is only named.
  const person = read(onBehalfOf, shared, policy);
  return read(options.as, { onBehalfOf: person }, policy);
}

function read(id: string, details: PrincipalDetails, policy: Policy): Principal {
  const reading = principalFromId(id, details, policy);
  if (reading.ok) return reading.principal;
  throw new PosternError('usage', { problem: `${reading.problem}.` });
}

function claimsOf(texts: readonly string[]): Record<string, readonly string[]> {
  const claims = new Map<string, string[]>();
  for (const text of texts) {
    const at = text.indexOf('=');
    if (at < 1) throw new PosternError('usage', { problem: `"${text}" is not NAME=VALUE.` });
    const name = text.slice(0, at);
    claims.set(name, [...(claims.get(name) ?? []), text.slice(at + 1)]);
  }
  return Object.fromEntries(claims);
}
