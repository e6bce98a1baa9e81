// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { type Command, Option } from 'commander';
import { AuthorityDirectory } from '../../ca/authority-directory.ts';
import { AuthorityKeeper } from '../../ca/authority-keeper.ts';
import type { Step, StepVerdict } from '../../ca/authority-state.ts';
import { systemClock } from '../../model/clock.ts';
import { PosternError } from '../../model/errors.ts';
import { authorityReport, reportText } from '../authority-report.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';

interface DirectoryOptions {
  readonly dir: string;
  readonly rootKey?: string;
}

const TRUST_DOMAIN = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;
const STEPS: readonly Step[] = ['publish', 'activate', 'finish'];

export const registerCa: RegisterCommand = (program, context, run) => {
  const ca = program
    .command('ca')
    .description('an authority for workload certificates, for places without Istio');
  registerInit(ca, context, run);
  registerServe(ca, context, run);
  registerRotate(ca, context, run);
  registerRollRoot(ca, context, run);
  withDirectory(ca.command('status'))
    .description('what the authority has, until when, and what to do next')
    .option('--json', 'print JSON')
    .action((options: DirectoryOptions & { json?: boolean }) =>
      run(async () => {
        const report = authorityReport(directoryOf(options, context), systemClock.now());
        context.out(options.json ? JSON.stringify(report) : reportText(report));
        return report.findings.length === 0 ? 0 : 1;
      }),
    );
};

const registerInit: RegisterCommand = (ca, context, run) => {
  withDirectory(ca.command('init'))
    .description('make a root and an intermediate')
    .requiredOption('--trust-domain <name>', 'of the Cluster whose workloads it will certify')
    .option('--name <host...>', 'DNS names and addresses that agents reach the authority by', [])
    .addHelpText(
      'after',
      `
  postern ca init --trust-domain vms.example --name ca.example

The intermediate signs workloads of that trust domain only, and no further authority.
Serving needs neither root-1-key.pem nor its like: keep it elsewhere, and bring it for
"rotate" and "roll-root". bundle.pem is what "bundle" of the Cluster points to.`,
    )
    .action((options: DirectoryOptions & { trustDomain: string; name: readonly string[] }) =>
      run(() => init(options, context)),
    );
};

async function init(
  options: DirectoryOptions & { readonly trustDomain: string; readonly name: readonly string[] },
  context: CommandContext,
): Promise<ExitCode> {
  const { trustDomain, name } = options;
  if (!TRUST_DOMAIN.test(trustDomain)) {
    throw new PosternError('usage', { problem: `"${trustDomain}" is not a trust domain.` });
  }
  const directory = directoryOf(options, context);
  await keeperOf(directory, options, context).init(trustDomain, name);
  context.out(`The authority of ${trustDomain} is in ${directory.path}.`);
  context.out(`  ${directory.bundle}  for "bundle" of the Cluster, and for --ca of agents`);
  context.out(`  ${directory.root(1).key}  is not needed for serving; keep it elsewhere`);
  if (name.length === 0) context.out('  no --name was given, so the setting "tls" is needed');
  context.out('\nNext: postern ca serve');
  return 0;
}

const registerServe: RegisterCommand = (ca, context, run) => {
  ca.command('serve')
    .description('sign certificates until SIGTERM')
    .option('--config <file>', 'settings', 'postern-ca.yaml')
    .addHelpText(
      'after',
      `
Who gets a certificate, and as which workload, is declared in "certificates" of the
Cluster. SIGHUP loads the declaration again; saving a file does so as well.
Exit code: 0 stopped, 2 settings or declaration, 3 files, port, authority or audit.`,
    )
    .action((options: { config: string }) =>
      run(async () => {
        // Loaded here: the other commands start faster without it.
        const { runAuthority } = await import('../../app/run-authority.ts');
        return runAuthority(resolve(context.cwd, options.config));
      }),
    );
};

const registerRotate: RegisterCommand = (ca, context, run) => {
  withRootKey(withDirectory(ca.command('rotate')))
    .description('renew the intermediate and the server certificate, past half of their lives')
    .option('--force', 'also before half of their lives')
    .action((options: DirectoryOptions & { force?: boolean }) =>
      run(async () => {
        const directory = directoryOf(options, context);
        const done = await keeperOf(directory, options, context).rotate(options.force === true);
        const what = [
          ...(done.intermediate ? ['a new intermediate signs from now on'] : []),
          ...(done.server ? ['the server certificate is renewed'] : []),
        ];
        context.out(what.length > 0 ? `Done: ${what.join('; ')}.` : 'Nothing is due yet.');
        return 0;
      }),
    );
};

const registerRollRoot: RegisterCommand = (ca, context, run) => {
  withRootKey(withDirectory(ca.command('roll-root')))
    .description('replace the root, in three steps with overlap')
    .argument('<step>', `${STEPS.join(', ')}`)
    .option('--now', 'do not wait until it is safe')
    .addHelpText(
      'after',
      `
  postern ca roll-root publish     a new root, in the bundle beside the old one
  postern ca roll-root activate    ten minutes later: the new one signs
  postern ca roll-root finish      a day later: the old one leaves the bundle

Each step does nothing when it is done already, and refuses when it is too early.
Between publish and activate the bundle must reach every gateway: agents fetch it within
a minute, a copy that you made by hand is yours to replace.
Exit code: 0 done, 1 too early or out of order, 2 usage, 3 files.`,
    )
    .action((step: string, options: DirectoryOptions & { now?: boolean }) =>
      run(() => rollRoot(step, options, context)),
    );
};

const TOLD: Readonly<Record<Step, string>> = {
  publish: 'The new root is in the bundle. Next, when it has spread: postern ca roll-root activate',
  activate: 'The new root signs. Next, a day later: postern ca roll-root finish',
  finish: 'The old root has left the bundle; its files are not needed any more.',
};

async function rollRoot(
  text: string,
  options: DirectoryOptions & { readonly now?: boolean },
  context: CommandContext,
): Promise<ExitCode> {
  const step = STEPS.find((one) => one === text);
  if (!step) {
    const problem = `"${text}" is not a step; there are: ${STEPS.join(', ')}.`;
    throw new PosternError('usage', { problem });
  }
  const keeper = keeperOf(directoryOf(options, context), options, context);
  const verdict = await keeper.roll(step, options.now === true);
  const refused = refusalOf(step, verdict);
  if (refused !== undefined) {
    context.err(`postern: ${refused}`);
    return 1;
  }
  context.out(verdict.is === 'done' ? `That is done already. ${TOLD[step]}` : TOLD[step]);
  return 0;
}

function refusalOf(step: Step, verdict: StepVerdict): string | undefined {
  if (verdict.is === 'out-of-order') return `First: postern ca roll-root ${verdict.first}`;
  if (verdict.is !== 'early') return undefined;
  const until = new Date(verdict.until).toISOString();
  return step === 'activate'
    ? `The new root was published a moment ago; gateways may not know it before ${until}.\nLater again, or --now when you know that they do.`
    : `Certificates of the old root may live until ${until}.\nLater again, or --now when you know that none does.`;
}

function withDirectory(command: Command): Command {
  return command.addOption(new Option('--dir <directory>', 'of the authority').default('./ca'));
}

function withRootKey(command: Command): Command {
  return command.option('--root-key <file>', 'key of the root (default: beside its certificate)');
}

function directoryOf({ dir }: DirectoryOptions, { cwd }: CommandContext): AuthorityDirectory {
  return new AuthorityDirectory(resolve(cwd, dir));
}

function keeperOf(
  directory: AuthorityDirectory,
  { rootKey }: DirectoryOptions,
  { cwd }: CommandContext,
): AuthorityKeeper {
  const where = rootKey === undefined ? {} : { rootKey: resolve(cwd, rootKey) };
  return new AuthorityKeeper({ directory, clock: systemClock, ...where });
}
