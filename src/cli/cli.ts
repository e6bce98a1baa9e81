// SPDX-License-Identifier: Apache-2.0
import { Command, CommanderError } from 'commander';
import { type ErrorCode, PosternError, toPosternError } from '../model/errors.ts';
import { VERSION } from '../model/version.ts';
import type { CommandContext, ExitCode, RegisterCommand } from './command.ts';
import { registerAgent } from './commands/agent.ts';
import { registerApply } from './commands/apply.ts';
import { registerAudit } from './commands/audit.ts';
import { registerBootstrap } from './commands/bootstrap.ts';
import { registerCa } from './commands/ca.ts';
import { registerCheck } from './commands/check.ts';
import { registerConnect } from './commands/connect.ts';
import { registerDiff } from './commands/diff.ts';
import { registerDoctor } from './commands/doctor.ts';
import { registerDrift } from './commands/drift.ts';
import { registerExplain } from './commands/explain.ts';
import { registerImport } from './commands/import.ts';
import { registerInit } from './commands/init.ts';
import { registerLogin } from './commands/login.ts';
import { registerPlan } from './commands/plan.ts';
import { registerProve } from './commands/prove.ts';
import { registerRender } from './commands/render.ts';
import { registerServe } from './commands/serve.ts';
import { registerSessions } from './commands/sessions.ts';
import { registerTicket } from './commands/ticket.ts';
import { registerWhoCan } from './commands/who-can.ts';
import { registerWhoami } from './commands/whoami.ts';

/** In the order in which a newcomer meets them. */
const COMMANDS: readonly RegisterCommand[] = [
  registerInit,
  registerImport,
  registerCheck,
  registerRender,
  registerBootstrap,
  registerPlan,
  registerApply,
  registerServe,
  registerDoctor,
  registerConnect,
  registerLogin,
  registerWhoami,
  registerExplain,
  registerWhoCan,
  registerDiff,
  registerDrift,
  registerProve,
  registerTicket,
  registerSessions,
  registerAudit,
  registerCa,
  registerAgent,
];

/** 2 = the words or the declaration are wrong, 1 = refused, 3 = the surroundings do not play along. */
const EXIT_CODES: Partial<Record<ErrorCode, ExitCode>> = {
  usage: 2,
  'config-invalid': 2,
  'policy-invalid': 2,
  'api-refused': 1,
  'authority-refused': 1,
  'audit-corrupt': 1,
  'plan-outdated': 1,
  'plan-blocked': 1,
  'cluster-conflict': 1,
};

/** What to do, where a command has nothing better to say (fact `hint`). */
const HINTS: Partial<Record<ErrorCode, string>> = {
  'policy-invalid': 'postern check shows each with its line and remedy.',
  'api-unreachable': 'Is the gateway running there? postern serve starts it.',
};

/** Parses and runs one command line; resolves with the exit code and never rejects. */
export async function runCli(argv: readonly string[], context: CommandContext): Promise<ExitCode> {
  let exitCode: ExitCode = 0;
  const program = new Command('postern')
    .description('Identity-aware gateway and policy compiler for data')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.out(text.trimEnd()),
      writeErr: (text) => context.err(text.trimEnd()),
      outputError: (text, write) => write(text.replace(/^error: /, 'postern: ')),
    })
    .version(VERSION, '-V, --version', 'print the version');
  const run = async (action: () => Promise<ExitCode>) => {
    try {
      exitCode = await action();
    } catch (thrown) {
      exitCode = report(thrown, context);
    }
  };
  for (const register of COMMANDS) register(program, context, run);
  pointToHelp(program, 'postern');
  if (argv.length === 0) {
    context.out(program.helpInformation().trimEnd());
    return 2;
  }
  try {
    await program.parseAsync(argv, { from: 'user' });
  } catch (thrown) {
    // Commander has printed its message; help and version are not mistakes.
    if (thrown instanceof CommanderError) return thrown.exitCode === 0 ? 0 : 2;
    return report(thrown, context);
  }
  return exitCode;
}

/** After a mistake each command names its own help, not that of the whole. */
function pointToHelp(command: Command, words: string): void {
  const lists = command.commands.length > 0 ? 'lists the commands' : 'shows options and examples';
  command.showHelpAfterError(`(${words} --help ${lists})`);
  for (const inner of command.commands) pointToHelp(inner, `${words} ${inner.name()}`);
}

function report(thrown: unknown, context: CommandContext): ExitCode {
  const error = toPosternError(thrown);
  context.err(`postern: ${error.message}`);
  const hint = error.facts['hint'] ?? HINTS[error.code];
  if (hint !== undefined) context.err(String(hint));
  if (error.code === 'internal') {
    const { cause } = error;
    context.err(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
    context.err('This is a fault in Postern. Please report it with the lines above.');
  }
  return error instanceof PosternError ? (EXIT_CODES[error.code] ?? 3) : 3;
}
