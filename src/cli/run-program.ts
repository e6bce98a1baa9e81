// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import { PosternError, problemText } from '../model/errors.ts';
import type { CommandContext, ExitCode } from './command.ts';

/**
 * Runs a program with our input and output and resolves with its exit code (128 + number after a
 * signal, as shells have it). Rejects with `requirement-missing` when it cannot be started.
 */
export function runProgram(
  [program = '', ...words]: readonly string[],
  more: Readonly<Record<string, string>>,
  context: CommandContext,
): Promise<ExitCode> {
  const env = { ...context.env, ...more };
  return new Promise((done, reject) => {
    const child = spawn(program, words, { stdio: 'inherit', env, cwd: context.cwd });
    // Ctrl-C reaches the program as well, and what it means there is its own affair.
    const stay = () => undefined;
    const passOn = () => child.kill('SIGTERM');
    process.on('SIGINT', stay).on('SIGTERM', passOn);
    const letGo = () => process.off('SIGINT', stay).off('SIGTERM', passOn);
    child.once('error', (cause) => {
      letGo();
      const missing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
      const remedy = missing ? 'Is it installed and on PATH?' : problemText(cause);
      reject(new PosternError('requirement-missing', { requirement: program, remedy }, cause));
    });
    child.once('close', (code, signal) => {
      letGo();
      // The one exit code that is not ours to choose.
      done((code ?? 128 + (signal ? constants.signals[signal] : 0)) as ExitCode);
    });
  });
}
