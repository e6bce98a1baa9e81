// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';
import { delimiter } from 'node:path';
import { mariadbEnvironment } from '../../test/support/mariadb-template.ts';

const LIMIT_MS = 30_000;

export interface Finished {
  readonly code: number;
  /** Standard output and error, as they came. */
  readonly output: string;
}

export interface RunOptions {
  readonly cwd: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Called with everything printed so far, whenever there is more. */
  readonly onOutput?: (output: string) => void;
}

/** Runs a program to its end. Rejects when it cannot be started or takes too long. */
export function runProgram(
  program: string,
  flags: readonly string[],
  options: RunOptions,
): Promise<Finished> {
  const environment = mariadbEnvironment(process.env['POSTERN_MARIADB_BASEDIR']);
  const path = [options.cwd, environment['PATH']].join(delimiter);
  return new Promise((resolve, reject) => {
    const child = spawn(program, flags, {
      cwd: options.cwd,
      env: { ...environment, NO_COLOR: '1', ...options.env, PATH: path },
      stdio: 'pipe',
      timeout: LIMIT_MS,
    });
    let output = '';
    const collect = (text: string) => {
      output += text;
      options.onOutput?.(output);
    };
    child.stdout.setEncoding('utf8').on('data', collect);
    child.stderr.setEncoding('utf8').on('data', collect);
    child.once('error', reject);
    child.once('close', (code, signal) => {
      if (code === null) reject(new Error(`${program} was ended by ${signal}\n${output}`));
      else resolve({ code, output });
    });
    // A program that fails before it reads is reported by its code.
    child.stdin.on('error', () => undefined);
    child.stdin.end(options.input ?? '');
  });
}
