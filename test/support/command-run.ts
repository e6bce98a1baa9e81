// SPDX-License-Identifier: Apache-2.0
import { Command } from 'commander';
import type { ExitCode, RegisterCommand } from '../../src/cli/command.ts';
import { PosternError } from '../../src/model/errors.ts';

export interface CommandRun {
  /** Absent when the command threw. */
  readonly code?: ExitCode;
  readonly out: string;
  readonly err: string;
  /** Public message of what it threw. */
  readonly thrown?: string;
}

/** Runs one command in a directory as the command line would, without its exit code for errors. */
export async function runCommand(
  register: RegisterCommand,
  cwd: string,
  argv: readonly string[],
): Promise<CommandRun> {
  const printed = { out: [] as string[], err: [] as string[] };
  const result: { code?: ExitCode; thrown?: string } = {};
  const program = new Command().exitOverride().configureOutput({
    writeOut: (text) => printed.out.push(text),
    writeErr: (text) => printed.err.push(text),
  });
  const context = {
    cwd,
    env: {},
    interactive: false,
    out: (text: string) => printed.out.push(text),
    err: (text: string) => printed.err.push(text),
  };
  register(program, context, async (action) => {
    try {
      result.code = await action();
    } catch (thrown) {
      if (!(thrown instanceof PosternError)) throw thrown;
      result.thrown = thrown.message;
    }
  });
  await program.parseAsync([...argv], { from: 'user' });
  return { ...result, out: printed.out.join('\n'), err: printed.err.join('\n') };
}
