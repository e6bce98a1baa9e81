// SPDX-License-Identifier: Apache-2.0
import { spawn } from 'node:child_process';

/**
 * A terminal session as text:
 *
 *   # a comment
 *   $ postern check            a line for the shell; `> ` begins those that continue it
 *   3 rules, ...               its output; `...` stands for anything within the line
 *   ...                        alone: for any lines
 *   2> postern: ...            what it prints on standard error
 *   [2]                        its exit code, when it is not 0
 *
 * The directory of the session reads as `~`. A script whose first line is `# with: shop` begins beside
 * the declaration of examples/shop, with databases and a cluster for it.
 */
export interface Step {
  readonly line: number;
  readonly command: string;
  readonly out: RegExp;
  readonly err: RegExp;
  readonly code: number;
  /** As it stands in the script. */
  readonly expected: string;
}

export interface Ran {
  readonly out: string;
  readonly err: string;
  readonly code: number;
}

const STEP_LIMIT_MS = 30_000;

/** Throws when the text does not begin with a command. */
export function readScenario(text: string): Step[] {
  const steps: Step[] = [];
  const lines = text.replace(/\n+$/, '').split('\n');
  for (let at = 0; at < lines.length; ) {
    const line = lines[at] ?? '';
    if (line.startsWith('# ') || line === '') {
      at += 1;
      continue;
    }
    if (!line.startsWith('$ ')) throw new Error(`line ${at + 1} is not a command: ${line}`);
    const command = [line.slice(2)];
    const first = at + 1;
    for (at += 1; lines[at]?.startsWith('> '); at += 1) command.push(lines[at]?.slice(2) ?? '');
    const expected: string[] = [];
    for (; at < lines.length && !/^(\$|#) /.test(lines[at] ?? ''); at += 1) {
      expected.push(lines[at] ?? '');
    }
    // The empty lines before the next command are for the reader.
    while (expected.at(-1) === '') expected.pop();
    steps.push(stepOf(first, command.join('\n'), expected));
  }
  return steps;
}

function stepOf(line: number, command: string, expected: readonly string[]): Step {
  const code = Number(/^\[(\d+)\]$/.exec(expected.at(-1) ?? '')?.[1] ?? 0);
  const printed = code === 0 ? expected : expected.slice(0, -1);
  const err = printed.filter((text) => /^2>( |$)/.test(text)).map((text) => text.slice(3));
  const out = printed.filter((text) => !/^2>( |$)/.test(text));
  const known = { line, command, code, expected: expected.join('\n') };
  return { ...known, out: patternOf(out), err: patternOf(err) };
}

function patternOf(lines: readonly string[]): RegExp {
  const body = lines.map((line) => {
    if (line === '...') return '(?:.*\\n)*?';
    const literal = line.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
    return `${literal.replaceAll('\\.\\.\\.', '.*')}\\n`;
  });
  return new RegExp(`^${body.join('')}$`);
}

/** Runs it with /bin/sh; `postern` is the one that was built. */
export function runStep(
  { command }: Step,
  {
    home,
    programs,
    env = {},
  }: {
    readonly home: string;
    readonly programs: string;
    readonly env?: Readonly<Record<string, string>>;
  },
): Promise<Ran> {
  const child = spawn('/bin/sh', ['-c', command], {
    cwd: home,
    env: {
      PATH: `${programs}:${process.env['PATH']}`,
      HOME: home,
      GIT_CONFIG_NOSYSTEM: '1',
      LC_ALL: 'C',
      ...env,
    },
    timeout: STEP_LIMIT_MS,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [out, err] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    out += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    err += text;
  });
  const shown = (text: string) => {
    const named = text.replaceAll(home, '~');
    return named === '' || named.endsWith('\n') ? named : `${named}\n`;
  };
  return new Promise((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) =>
      resolve({ out: shown(out), err: shown(err), code: code ?? Number.NaN }),
    );
  });
}
