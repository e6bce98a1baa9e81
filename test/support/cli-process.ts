// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from './world.ts';

export const MAIN = fileURLToPath(import.meta.url).replace(
  /test\/support\/cli-process(\.\w+)$/,
  'src/main$1',
);

export interface CliOptions {
  readonly cwd: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly input?: string;
}

export interface CliResult {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** `postern ...` as a process of its own, with no variables but PATH and those given. */
export class CliProcess {
  readonly child: ChildProcess;
  out = '';
  err = '';
  readonly #ended: Promise<unknown>;

  constructor(words: readonly string[], { cwd, env, input }: CliOptions) {
    this.child = spawn(process.execPath, [MAIN, ...words], {
      cwd,
      env: { PATH: process.env['PATH'], HOME: cwd, ...env },
      stdio: ['pipe', 'pipe', 'pipe'],
    });
    this.child.stdin?.end(input ?? '');
    this.child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      this.out += text;
    });
    this.child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      this.err += text;
    });
    this.#ended = once(this.child, 'close');
  }

  async result(): Promise<CliResult> {
    await this.#ended;
    return { code: this.child.exitCode, out: this.out, err: this.err };
  }

  /** Waits until it has printed something; rejects with all it said when it ends before. */
  async printed(pattern: RegExp, limitMs = 10_000): Promise<RegExpExecArray> {
    const { child } = this;
    await until(() => pattern.test(this.out) || child.exitCode !== null, limitMs, String(pattern));
    const found = pattern.exec(this.out);
    if (found) return found;
    throw new Error(`it ended with ${child.exitCode}\n${this.out}${this.err}`);
  }
}

export function runCliProcess(words: readonly string[], options: CliOptions): Promise<CliResult> {
  return new CliProcess(words, options).result();
}
