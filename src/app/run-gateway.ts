// SPDX-License-Identifier: Apache-2.0
import { readSettings } from '../config/read.ts';
import type { Settings } from '../config/settings.ts';
import { systemClock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import { Gateway } from './gateway.ts';
import { createLog } from './log.ts';
import { PolicyFiles } from './policy-files.ts';
import { serveProblems } from './serve-check.ts';

export interface RunOptions {
  readonly checkOnly: boolean;
  out(text: string): void;
  err(text: string): void;
}

/**
 * `postern serve`: runs until SIGTERM or SIGINT, then drains; a second signal ends at once. SIGHUP
 * reloads. Resolves with the exit code; rejects as `Gateway.start` does.
 */
export async function runGateway(file: string, options: RunOptions): Promise<0 | 2 | 3> {
  const { settings } = readSettings(file);
  if (options.checkOnly) return check(file, settings, options);
  const log = createLog(settings.log.level, settings.instance);
  const gateway = await Gateway.start({ settings, clock: systemClock, log });
  // Timers do not keep the process alive; this does, until a signal comes.
  const alive = setInterval(() => undefined, 1 << 30);
  process.on('SIGHUP', () => {
    gateway.reload().catch((cause: unknown) => log.error('reload failed', { cause }));
  });
  const signal = await new Promise<NodeJS.Signals>((resolve) => {
    process.once('SIGTERM', resolve);
    process.once('SIGINT', resolve);
  });
  log.info('stopping', { signal, drainMs: settings.drain.timeout });
  process.once('SIGTERM', () => process.kill(process.pid, 'SIGKILL'));
  process.once('SIGINT', () => process.kill(process.pid, 'SIGKILL'));
  await gateway.stop(settings.drain.timeout);
  clearInterval(alive);
  log.info('stopped');
  return 0;
}

/** 2: settings or declaration are to be edited, 3: files are missing or unfit. */
async function check(file: string, settings: Settings, options: RunOptions): Promise<0 | 2 | 3> {
  const { policy, faults } = await new PolicyFiles(settings.policy).load();
  for (const fault of faults) options.err(fault);
  if (!policy) {
    throw new PosternError('policy-invalid', { count: faults.length });
  }
  const problems = serveProblems(settings, policy);
  for (const problem of [...problems.settings, ...problems.files]) options.err(`! ${problem}`);
  if (problems.settings.length > 0) return 2;
  if (problems.files.length > 0) return 3;
  options.out(`${file} and the declaration are good (revision ${policy.revision.slice(0, 12)}).`);
  options.out(`Next: postern serve`);
  return 0;
}
