// SPDX-License-Identifier: Apache-2.0
import type { AuditLog } from '../audit/record.ts';
import {
  exceedingAccess,
  type ForeignAccess,
  foreignAccessText,
} from '../compile/sql/foreign-access.ts';
import type { DenialReason } from '../model/decision.ts';
import type { Log } from '../model/log.ts';
import type { DataRole } from '../policy/policy.ts';
import type { SweepResult } from './registry.ts';
import { REGISTRY_VERSION } from './registry-schema.ts';

export interface TargetProblem {
  readonly reason: DenialReason;
  readonly detail: string;
}

/** Whether a target can be served, as its sweeps tell; each change goes to log and audit. */
export class TargetHealth {
  readonly #target: string;
  readonly #log: Log;
  readonly #audit: AuditLog;
  #roles: readonly DataRole[];
  #foreign: readonly ForeignAccess[] = [];
  /** Everything but the connection is good; its loss alone changes nothing. */
  #admitted = false;
  #problem: TargetProblem | undefined;

  constructor(target: string, roles: readonly DataRole[], log: Log, audit: AuditLog) {
    this.#target = target;
    this.#roles = roles;
    this.#log = log;
    this.#audit = audit;
  }

  get admitted(): boolean {
    return this.#admitted;
  }

  get problem(): TargetProblem | undefined {
    return this.#problem;
  }

  /** What is declared decides what is too much. */
  rolesChanged(roles: readonly DataRole[]): void {
    this.#roles = roles;
    if (this.#admitted || this.#problem?.reason === 'lease-exceeds-policy') this.#judge();
  }

  swept(result: SweepResult): void {
    if (result.version === REGISTRY_VERSION) {
      this.#foreign = result.foreign;
      this.#judge();
      return;
    }
    this.#admitted = false;
    const found = result.version || 'unknown';
    const detail = `the registry has version ${found}, this build needs ${REGISTRY_VERSION}: run postern bootstrap`;
    this.#state({ reason: 'target-unavailable', detail });
  }

  unreachable(error: Error): void {
    // A finding stays: what could not be looked at again has not gone away.
    if (this.#problem?.reason === 'lease-exceeds-policy') return;
    this.#state({ reason: 'target-unavailable', detail: error.message }, error.cause);
  }

  /** What PUBLIC and others add to every lease must not exceed what is declared. */
  #judge(): void {
    const [first, ...rest] = exceedingAccess(this.#foreign, this.#roles);
    this.#admitted = first === undefined;
    if (!first) {
      this.#state(undefined);
      return;
    }
    const more = rest.length > 0 ? ` and ${rest.length} more` : '';
    const detail = `every account on the target holds more than is declared: ${foreignAccessText(first)}${more}; run postern bootstrap --fix`;
    this.#state({ reason: 'lease-exceeds-policy', detail });
  }

  #state(problem: TargetProblem | undefined, cause?: unknown): void {
    if (problem?.detail === this.#problem?.detail) return;
    this.#problem = problem;
    const target = this.#target;
    if (!problem) {
      this.#log.info('the target is ready', { target });
      const detail = `${target}: it is ready again`;
      this.#audit.append({ event: 'gateway', what: 'finding', detail });
      return;
    }
    this.#log.error('the target has a problem', { target, ...problem, cause });
    const detail = `${target}: ${problem.detail}`;
    this.#audit.append({ event: 'gateway', what: 'finding', detail });
  }
}
