// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { RetirementReport } from '../../audit/retire.ts';
import { readSettings } from '../../config/read.ts';
import { systemClock } from '../../model/clock.ts';
import { formatDuration } from '../../model/duration.ts';
import type { Log } from '../../model/log.ts';
import { printable, timeText } from '../audit-text.ts';
import type { CommandContext, ExitCode } from '../command.ts';

interface PruneCommandOptions {
  readonly config: string;
  readonly dryRun?: boolean;
  readonly json?: boolean;
}

type Run = (action: () => Promise<ExitCode>) => Promise<void>;

export function registerPrune(audit: Command, context: CommandContext, run: Run): void {
  audit
    .command('prune')
    .description('remove what is kept no longer, as a running gateway does once a day')
    .option('--config <file>', 'settings file', 'postern.yaml')
    .option('--dry-run', 'only say what would be removed')
    .option('--json', 'the report as JSON')
    .addHelpText(
      'after',
      `
A segment goes when the longest retention of any Target in it is over. That it goes is signed first,
and witnessed where there is a witness, so that verify can tell it from what somebody deleted.

Exit code: 0 done, 1 something that is due had to stay, 2 settings or declaration, 3 a gateway is
writing to the audit (it does this itself), or the witness cannot be reached.`,
    )
    .action((options: PruneCommandOptions) => run(() => prune(options, context)));
}

async function prune(options: PruneCommandOptions, context: CommandContext): Promise<ExitCode> {
  const { settings } = readSettings(resolve(context.cwd, options.config));
  // Loaded here: the other commands start faster without the gateway's modules.
  const { pruneAudit } = await import('../../app/prune.ts');
  const dryRun = options.dryRun === true;
  const log = logOf(context);
  const report = await pruneAudit({ settings, dryRun, clock: systemClock, log });
  if (options.json) context.out(JSON.stringify(report));
  else for (const line of reportLines(report, dryRun)) context.out(line);
  return report.problems.length > 0 ? 1 : 0;
}

function* reportLines(report: RetirementReport, dryRun: boolean): Generator<string> {
  const { streams, segments, bytes, heads, policies, problems } = report;
  const verb = dryRun ? 'Would be removed' : 'Removed';
  const size = `${(bytes / 2 ** 20).toFixed(1)} MiB`;
  const others = `${heads.length} files of heads, ${policies.length} policy revisions`;
  yield `${verb}: ${segments.length} segments (${size}), ${others}.`;
  for (const { stream, seq, time, retention } of streams) {
    const kept = `kept ${formatDuration(retention)}`;
    yield `  ${printable(stream)}: up to record ${seq} of ${timeText(time)} UTC, ${kept}`;
  }
  for (const problem of problems) yield `! ${printable(problem)}`;
  if (dryRun && segments.length > 0) yield 'Next: postern audit prune';
}

function logOf(context: CommandContext): Log {
  const say = (message: string, fields: object = {}) =>
    context.err(printable([message, ...Object.values(fields).map(String)].join(': ')));
  const nothing = () => undefined;
  return { debug: nothing, info: nothing, warn: say, error: say };
}
