// SPDX-License-Identifier: Apache-2.0
import type { Command } from 'commander';

/** 0 ok, 1 denied or findings, 2 usage or bad declaration, 3 environment. */
export type ExitCode = 0 | 1 | 2 | 3;

/** What a command may touch of the process; scenario tests pass their own. */
export interface CommandContext {
  readonly cwd: string;
  readonly env: Readonly<Record<string, string | undefined>>;
  /** True when colour and progress make sense. */
  readonly interactive: boolean;
  /** Present where a person can answer; resolves with the line, empty at the end of the input. */
  ask?(question: string): Promise<string>;
  out(text: string): void;
  err(text: string): void;
}

/**
 * Each command file exports one of these. `run` wraps the action: it turns errors into a message
 * with the right exit code, so actions just throw PosternError or return their code.
 */
export type RegisterCommand = (
  program: Command,
  context: CommandContext,
  run: (action: () => Promise<ExitCode>) => Promise<void>,
) => void;
