#!/usr/bin/env node
// SPDX-License-Identifier: Apache-2.0
import { runCli } from './cli/cli.ts';
import { terminalQuestion } from './cli/terminal-question.ts';

process.exitCode = await runCli(process.argv.slice(2), {
  cwd: process.cwd(),
  env: process.env,
  interactive: process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined,
  ...(process.stdin.isTTY === true && process.stderr.isTTY === true && { ask: terminalQuestion }),
  out: (text) => process.stdout.write(`${text}\n`),
  err: (text) => process.stderr.write(`${text}\n`),
});
