// SPDX-License-Identifier: Apache-2.0
import { Command, CommanderError } from 'commander';
import { type ErrorCode, PosternError, toPosternError } from '../model/errors.ts';
import { VERSION } from '../model/version.ts';
import type { CommandContext, ExitCode, RegisterCommand } from './command.ts';

/**
 * In the order in which a newcomer meets them. Only the one that is asked for is loaded: all of them
 * together take a second.
 */
const COMMANDS: ReadonlyMap<string, () => Promise<RegisterCommand>> = new Map([
  ['init', async () => (await import('./commands/init.ts')).registerInit],
  ['import', async () => (await import('./commands/import.ts')).registerImport],
  ['check', async () => (await import('./commands/check.ts')).registerCheck],
  ['render', async () => (await import('./commands/render.ts')).registerRender],
  ['bootstrap', async () => (await import('./commands/bootstrap.ts')).registerBootstrap],
  ['plan', async () => (await import('./commands/plan.ts')).registerPlan],
  ['apply', async () => (await import('./commands/apply.ts')).registerApply],
  ['serve', async () => (await import('./commands/serve.ts')).registerServe],
  ['doctor', async () => (await import('./commands/doctor.ts')).registerDoctor],
  ['connect', async () => (await import('./commands/connect.ts')).registerConnect],
  ['login', async () => (await import('./commands/login.ts')).registerLogin],
  ['whoami', async () => (await import('./commands/whoami.ts')).registerWhoami],
  ['explain', async () => (await import('./commands/explain.ts')).registerExplain],
  ['who-can', async () => (await import('./commands/who-can.ts')).registerWhoCan],
  ['diff', async () => (await import('./commands/diff.ts')).registerDiff],
  ['drift', async () => (await import('./commands/drift.ts')).registerDrift],
  ['prove', async () => (await import('./commands/prove.ts')).registerProve],
  ['ticket', async () => (await import('./commands/ticket.ts')).registerTicket],
  ['sessions', async () => (await import('./commands/sessions.ts')).registerSessions],
  ['audit', async () => (await import('./commands/audit.ts')).registerAudit],
  ['ca', async () => (await import('./commands/ca.ts')).registerCa],
  ['agent', async () => (await import('./commands/agent.ts')).registerAgent],
]);

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
  for (const load of wanted(argv)) (await load())(program, context, run);
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

/** The command that is named; all of them for help and for words that name none. */
function wanted([first = '']: readonly string[]): Iterable<() => Promise<RegisterCommand>> {
  if (first === '-V' || first === '--version') return [];
  const named = COMMANDS.get(first);
  return named ? [named] : COMMANDS.values();
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
