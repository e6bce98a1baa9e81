// SPDX-License-Identifier: Apache-2.0
import type { DriftView } from '../api/contract.ts';
import type { AuditFinding, AuditLog } from '../audit/record.ts';
import type { Clock } from '../model/clock.ts';
import type { PosternError } from '../model/errors.ts';
import { type Finding, findingKey } from '../model/finding.ts';
import type { Log } from '../model/log.ts';

/** More are counted only: one bad day of a server must not fill the audit. */
const MOST_FINDINGS = 500;
const LONGEST_DETAIL = 2_000;

/** What is looked at as a whole: one target's server, or one cluster. */
export interface DriftPlace {
  readonly layer: Finding['layer'];
  /** Target id or name of the Cluster. */
  readonly where: string;
}

interface Known {
  readonly place: DriftPlace;
  findings: ReadonlyMap<string, Finding>;
  omitted: number;
  /** ms since the epoch; of the last look that succeeded. */
  checkedAt: number | undefined;
  problem: string | undefined;
}

export interface FindingLedgerOptions {
  readonly clock: Clock;
  readonly log: Log;
  readonly audit: Pick<AuditLog, 'append'>;
}

/** What is known to differ from the declaration; what appears and goes is told to log and audit. */
export class FindingLedger {
  readonly #options: FindingLedgerOptions;
  readonly #known = new Map<string, Known>();

  constructor(options: FindingLedgerOptions) {
    this.#options = options;
  }

  /** What one look found, all of it. */
  seen(place: DriftPlace, findings: readonly Finding[]): void {
    const known = this.#at(place);
    const before = known.findings;
    known.findings = new Map(
      findings.slice(0, MOST_FINDINGS).map((finding) => [findingKey(finding), finding]),
    );
    known.omitted = Math.max(0, findings.length - MOST_FINDINGS);
    known.checkedAt = this.#options.clock.now();
    if (known.problem !== undefined) this.#say(place, 'it is examined again');
    known.problem = undefined;
    for (const [key, finding] of known.findings) {
      if (!before.has(key)) this.#record('appeared', finding);
    }
    for (const [key, finding] of before) {
      if (!known.findings.has(key)) this.#record('gone', finding);
    }
  }

  /** It could not be looked at: what was found before has not gone away by that. */
  failed(place: DriftPlace, { message, cause }: PosternError): void {
    const known = this.#at(place);
    if (known.problem === message) return;
    known.problem = message;
    this.#say(place, `it cannot be examined: ${message}`, cause);
  }

  /** It is not declared any more. */
  forget({ layer, where }: DriftPlace): void {
    this.#known.delete(`${layer} ${where}`);
  }

  views(): readonly DriftView[] {
    return [...this.#known.values()].map(({ place, findings, omitted, checkedAt, problem }) => ({
      ...place,
      findings: [...findings.values()],
      omitted,
      ...(checkedAt !== undefined && { checkedAt }),
      ...(problem !== undefined && { problem }),
    }));
  }

  #at(place: DriftPlace): Known {
    const key = `${place.layer} ${place.where}`;
    const known = this.#known.get(key);
    if (known) return known;
    const { layer, where } = place;
    const made: Known = {
      place: { layer, where },
      findings: new Map(),
      omitted: 0,
      checkedAt: undefined,
      problem: undefined,
    };
    this.#known.set(key, made);
    return made;
  }

  #record(state: AuditFinding['state'], found: Finding): void {
    const { layer, where, code, subject, text, who, rules, by } = found;
    const finding = { state, layer, where, code, subject, who, rules, by };
    const detail = `${where}: ${subject}: ${text}`.slice(0, LONGEST_DETAIL);
    this.#options.audit.append({ event: 'gateway', what: 'finding', finding, detail });
    const { log } = this.#options;
    if (state === 'appeared') log.warn('not as declared', { where, code, subject, text, who });
    else log.info('as declared again', { where, code, subject });
  }

  #say({ where }: DriftPlace, problem: string, cause?: unknown): void {
    const detail = `${where}: ${problem}`.slice(0, LONGEST_DETAIL);
    this.#options.audit.append({ event: 'gateway', what: 'finding', detail });
    this.#options.log.warn('looking for drift', { where, problem, cause });
  }
}
