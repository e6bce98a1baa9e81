// SPDX-License-Identifier: Apache-2.0
import { ownSigning } from '../audit/owner.ts';
import { planRun, type RetirementReport } from '../audit/retire.ts';
import { SignerSupervisor } from '../audit/signer-supervisor.ts';
import { directorySource } from '../audit/source.ts';
import { newestStreams } from '../audit/tail.ts';
import { readWitnessCursor } from '../audit/witness-feed.ts';
import type { Settings } from '../config/settings.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { retentionRules, signerOptions } from './audit-options.ts';
import { PolicyFiles } from './policy-files.ts';

export interface PruneOptions {
  readonly settings: Settings;
  readonly dryRun: boolean;
  readonly clock: Clock;
  readonly log: Log;
}

/**
 * Removes what the declaration keeps no longer, as a running gateway does once a day. Rejects with
 * `policy-invalid`, and with `audit-unwritable` while a gateway writes to the directory.
 */
export async function pruneAudit(options: PruneOptions): Promise<RetirementReport> {
  const { settings, dryRun, clock, log } = options;
  const { directory, witness } = settings.audit;
  const { policy, faults } = await new PolicyFiles(settings.policy).load();
  for (const fault of faults) log.error('fault in the declaration', { fault });
  if (!policy) throw new PosternError('policy-invalid', { count: faults.length });
  const rules = retentionRules(settings, policy);
  if (dryRun) {
    const live = await liveStreams(directory);
    const witnessedUntil = readWitnessCursor(directory)?.time ?? '';
    const at = { now: clock.now(), live, ...(witness !== undefined && { witnessedUntil }) };
    return planRun(directory, rules, at);
  }
  const signer = new SignerSupervisor(directory, signerOptions(settings), clock, log);
  try {
    const problem = await signer.start();
    if (problem !== undefined) throw new Error(problem);
    return await signer.retire(rules);
  } catch (cause) {
    const facts = { path: directory, problem: problemText(cause) };
    throw new PosternError('audit-unwritable', facts, cause);
  } finally {
    await signer.close();
  }
}

/** While a gateway runs, the newest stream of each of its processes may be written still. */
async function liveStreams(directory: string): Promise<ReadonlySet<string>> {
  try {
    const ownership = await ownSigning(directory);
    await ownership.release();
    return new Set();
  } catch {
    return new Set(newestStreams(directorySource(directory)));
  }
}
