// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import type { HealthCheck } from '../../app/examine-installation.ts';
import { readSettings } from '../../config/read.ts';
import { systemClock } from '../../model/clock.ts';
import { loadPolicy } from '../../policy/load.ts';
import { soundPolicy } from '../asking.ts';
import { printable } from '../audit-text.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';

interface DoctorOptions {
  readonly config: string;
  readonly json?: boolean;
}

const HELP = `
Reads settings and declaration, looks at every file they name, when certificates end, whether
each database is reached as the gateway does it and its clock agrees, what is not as declared
there and in the clusters of drift.clusters, and asks the gateway whether it is ready.

  postern doctor
  postern doctor --config /etc/postern/postern.yaml --json

Exit code: 0 nothing is wrong, 1 warnings, 2 settings or declaration, 3 something does not work.`;

const MARKS: Readonly<Record<HealthCheck['state'], string>> = { good: '+', warning: '!', bad: 'x' };

export const registerDoctor: RegisterCommand = (program, context, run) => {
  program
    .command('doctor')
    .description('what is wrong with this installation, in one place')
    .option('--config <file>', 'settings', 'postern.yaml')
    .option('--json', 'print JSON')
    .addHelpText('after', HELP)
    .action((options: DoctorOptions) => run(() => doctor(options, context)));
};

async function doctor(options: DoctorOptions, context: CommandContext): Promise<ExitCode> {
  // Loaded here: the other commands start faster without the gateway's modules.
  const { examineInstallation } = await import('../../app/examine-installation.ts');
  const file = resolve(context.cwd, options.config);
  const { settings } = readSettings(file);
  const loaded = await loadPolicy(settings.policy, { cwd: context.cwd, nowMs: systemClock.now() });
  const policy = soundPolicy(loaded, context);
  const warned = loaded.diagnostics.length;
  const own: HealthCheck = {
    what: 'declaration',
    state: warned === 0 ? 'good' : 'warning',
    text: warned === 0 ? `revision ${policy.revision.slice(0, 12)}` : `${warned} warnings`,
    ...(warned > 0 && { hint: 'postern check' }),
  };
  const checks = [own, ...(await examineInstallation(settings, policy, systemClock))];
  if (options.json) context.out(JSON.stringify({ checks }, null, 2));
  else for (const line of checks.flatMap(checkLines)) context.out(printable(line));
  const worst = (state: HealthCheck['state']) => checks.some((one) => one.state === state);
  return worst('bad') ? 3 : worst('warning') ? 1 : 0;
}

function checkLines({ what, state, text, hint }: HealthCheck): readonly string[] {
  return [`${MARKS[state]} ${what}: ${text}`, ...(hint === undefined ? [] : [`    ${hint}`])];
}
