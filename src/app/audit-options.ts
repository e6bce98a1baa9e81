// SPDX-License-Identifier: Apache-2.0
import type { FileAuditOptions } from '../audit/file-audit.ts';
import type { RetentionRules } from '../audit/retirement.ts';
import type { SignerOptions } from '../audit/signer-supervisor.ts';
import type { Settings } from '../config/settings.ts';
import type { Policy } from '../policy/policy.ts';

/** Of a gateway or an authority. */
interface AuditPlace {
  readonly audit: Omit<Settings['audit'], 'hashKey'>;
}

/** Where a process of the gateway writes, and how. */
export function auditOptions({
  instance,
  audit,
}: Settings): Pick<FileAuditOptions, 'directory' | 'instance' | 'limits'> {
  const limits = { reserveBytes: audit.reserve, segmentBytes: audit.segment };
  return { directory: audit.directory, instance, limits };
}

/** Who signs heads, and where they go besides. */
export function signerOptions({ audit }: AuditPlace): SignerOptions {
  const { signingKey: keyPath, witness: place, witnessToken, witnessCa } = audit;
  if (place === undefined) return { keyPath };
  const tokenPath = witnessToken;
  const witness = {
    place,
    ...(tokenPath !== undefined && { tokenPath }),
    ...(witnessCa !== undefined && { caPath: witnessCa }),
  };
  return { keyPath, witness };
}

/**
 * How long records are kept. Without a limit of the installation what names no declared Target
 * (one that was removed, say) is kept as long as anything is: too long can be made good.
 */
export function retentionRules({ audit }: AuditPlace, policy: Policy): RetentionRules {
  const limitMs = audit.retention ?? Number.POSITIVE_INFINITY;
  const declared = [...policy.targets.values()];
  const targets = Object.fromEntries(
    declared.map((target) => [target.id, Math.min(target.audit.retentionMs, limitMs)]),
  );
  return { targets, otherMs: audit.retention ?? Math.max(...Object.values(targets)) };
}
