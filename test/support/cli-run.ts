// SPDX-License-Identifier: Apache-2.0
import { runCli } from '../../src/cli/cli.ts';

export interface CliRun {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** One command line in this process, as `postern` would run it in `cwd`. */
export async function cliRun(
  cwd: string,
  argv: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<CliRun> {
  const [out, err]: [string[], string[]] = [[], []];
  const code = await runCli(argv, {
    cwd,
    env,
    interactive: false,
    out: (text) => out.push(text),
    err: (text) => err.push(text),
  });
  return { code, out: out.join('\n'), err: err.join('\n') };
}
