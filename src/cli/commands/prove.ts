// SPDX-License-Identifier: Apache-2.0
import { proofInputs } from '../../app/proof-inputs.ts';
import { systemClock } from '../../model/clock.ts';
import { PosternError } from '../../model/errors.ts';
import { loadPolicy } from '../../policy/load.ts';
import type { Target } from '../../policy/policy.ts';
import { EngineGateway } from '../../prove/gateway.ts';
import { agrees, type Proof } from '../../prove/proof.ts';
import { prove, WORK_BUDGET } from '../../prove/prove.ts';
import {
  ADMINISTRATOR_HELP,
  type AdministratorOptions,
  administratorOptions,
  hintLines,
  lookerAt,
} from '../administrator-options.ts';
import { soundPolicy, targetNamed } from '../asking.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { declarationPaths } from '../declaration.ts';
import { clusterAccess, type LayerOptions, layerOptions, soundLayers } from '../layer-options.ts';
import { proofText } from '../proof-text.ts';

interface ProveOptions extends LayerOptions, AdministratorOptions {
  readonly live?: boolean;
  readonly budget?: string;
  readonly json?: boolean;
}

const HELP = `
For every principal, Target, object and action that rules, mesh objects or grants tell apart:
what the gateway decides, whom the mesh lets through, what a lease can do on the database,
each against the declaration. Shows the least case for each thing that differs, and what
would no longer hold without each layer.

  postern prove
  postern prove --live --context prod-weu=admin@prod
  postern prove --live --only database --target orders

Without --live the objects that would be rendered and the grants that would be made are asked,
and nothing is reached. With it, the API servers (contexts of the kubeconfig) and the databases
(the declared reader account, or an administrator).
${ADMINISTRATOR_HELP}

Exit code: 0 all agree, 1 something differs or is undecided, 2 usage or faults, 3 a layer
could not be read.`;

export const registerProve: RegisterCommand = (program, context, run) => {
  const command = program
    .command('prove [paths...]')
    .description('whether gateway, mesh and database each hold what is declared')
    .option('--live', 'ask the clusters and databases as they are');
  administratorOptions(layerOptions(command))
    .option('--budget <number>', `decisions and verdicts to take at most (default: ${WORK_BUDGET})`)
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action((paths: string[], options: ProveOptions) =>
      run(() => proveCommand(paths, options, context)),
    );
};

async function proveCommand(
  paths: readonly string[],
  options: ProveOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const budget = budgetOf(options.budget);
  const nowMs = systemClock.now();
  const loaded = await loadPolicy(declarationPaths(paths, context), { cwd: context.cwd, nowMs });
  const policy = soundPolicy(loaded, context);
  const declaration = { policy, sources: loaded.sources };
  const { layers } = soundLayers(declaration, options, context, nowMs);
  const access = {
    clusters: clusterAccess(policy, options, context),
    administrator: (target: Target) => lookerAt(target, options, policy, context),
  };
  const inputs = await proofInputs(policy, layers, options.live ? access : undefined);
  const targets = options.target?.map((name) => targetNamed(name, policy).id);
  const proof = prove({
    policy,
    nowMs,
    gateway: new EngineGateway(policy, nowMs),
    meshes: inputs.meshes,
    databases: inputs.databases,
    budget,
    ...(targets && { targets: new Set(targets) }),
  });
  if (options.json) {
    const unread = inputs.unread.map(({ place, problem }) => ({ place, problem: problem.message }));
    const all = agrees(proof) && unread.length === 0;
    context.out(JSON.stringify({ agrees: all, ...proof, unread }, null, 2));
  } else {
    context.out(proofText(proof));
    context.out(summary(proof, options));
  }
  for (const { place, problem } of inputs.unread) {
    context.err(`postern: ${place} was not read: ${problem.message}`);
    for (const line of hintLines(problem)) context.err(line);
  }
  if (inputs.unread.length > 0) return 3;
  return agrees(proof) ? 0 : 1;
}

function summary(proof: Proof, { live }: ProveOptions): string {
  const differing = proof.layers.filter(({ status }) => status === 'differs').length;
  const undecided = proof.layers.filter(({ status }) => status === 'undecided').length;
  const notAsked = proof.layers.filter(({ status }) => status === 'none').length;
  const all = proof.layers.length - notAsked;
  const found =
    differing + undecided === 0
      ? `All ${all} agree with the declaration`
      : `Of ${all}, ${differing} differ from the declaration and ${undecided} are undecided`;
  const left = notAsked === 0 ? '' : `; ${notAsked} not asked`;
  const next = live
    ? 'postern drift shows the differences object by object'
    : 'postern prove --live asks what is really there';
  return `\n${found}${left} (${proof.work} decisions and verdicts). Next: ${next}.`;
}

function budgetOf(text: string | undefined): number {
  if (text === undefined) return WORK_BUDGET;
  const budget = Number(text);
  if (Number.isSafeInteger(budget) && budget > 0) return budget;
  throw new PosternError('usage', { problem: `--budget ${text} is not a whole number above 0.` });
}
