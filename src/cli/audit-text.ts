// SPDX-License-Identifier: Apache-2.0
import { styleText } from 'node:util';
import type { AuditRecord } from '../audit/chain.ts';
import { decisionOf } from '../audit/search.ts';

type Style = Parameters<typeof styleText>[0];
type LoginRecord = Extract<AuditRecord, { event: 'login-denied' }>;
type OutcomeRecord = Extract<AuditRecord, { event: 'outcome' }>;

/** Makes text of the peer harmless on a terminal: control and direction characters are shown. */
export function printable(text: string): string {
  return text.replace(
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must not get through
    /[\u0000-\u001f\u007f-\u009f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
}

export type Paint = (style: Style, text: string) => string;

export function painter(interactive: boolean): Paint {
  return (style, text) => (interactive ? styleText(style, text, { validateStream: false }) : text);
}

const DECISION_STYLES: Readonly<Record<string, Style>> = {
  allow: 'green',
  deny: ['red', 'bold'],
  'would-deny': 'yellow',
};

export function decisionText(decision: string, paint: Paint, width = 0): string {
  return paint(DECISION_STYLES[decision] ?? 'reset', decision.toUpperCase().padEnd(width));
}

/** `2026-11-21 07:14:16.586`, always UTC. */
export function timeText(time: string): string {
  return printable(time).replace('T', ' ').replace('Z', '');
}

/** Prints records as aligned lines; columns only grow, so that a running list stays readable. */
export class RecordLines {
  readonly #paint: Paint;
  readonly #widths = { who: 24, target: 12 };

  constructor(interactive: boolean) {
    this.#paint = painter(interactive);
  }

  line(record: AuditRecord, outcome?: OutcomeRecord | 'unknown'): string {
    const decision = decisionOf(record);
    const label =
      decision === undefined
        ? this.#paint('dim', labelOf(record).padEnd(10))
        : decisionText(decision, this.#paint, 10);
    const who = this.#column('who', whoOf(record));
    const target = this.#column('target', 'target' in record ? (record.target ?? '-') : '-');
    const id = 'id' in record ? this.#paint('dim', `  ${printable(record.id)}`) : '';
    const result = outcome === undefined ? '' : this.#paint('dim', `  ${outcomeText(outcome)}`);
    const time = this.#paint('dim', timeText(record.time));
    return `${time}  ${label}  ${who}  ${target}  ${summary(record)}${result}${id}`;
  }

  #column(name: 'who' | 'target', text: string): string {
    const shown = printable(text);
    this.#widths[name] = Math.max(this.#widths[name], shown.length);
    return shown.padEnd(this.#widths[name]);
  }
}

function labelOf(record: AuditRecord): string {
  if (record.event === 'session-opened') return 'opened';
  if (record.event === 'session-closed') return 'closed';
  return record.event === 'outcome' ? record.outcome : record.event;
}

function whoOf(record: AuditRecord): string {
  if ('principal' in record && record.principal !== undefined) return record.principal;
  if (record.event === 'login-denied') return `${record.claimed ?? 'someone'} (unverified)`;
  return '-';
}

/** What it was about, in one short line. */
export function summary(record: AuditRecord): string {
  switch (record.event) {
    case 'intent': {
      const about = record.needs.length > 0 ? record.needs.join(', ') : record.kind;
      const why = record.reason === undefined ? '' : ` [${record.reason}]`;
      return shortened(`${about}${why}`);
    }
    case 'login-denied':
      return shortened(`${loginText(record)} [${record.reason}] ${record.detail}`);
    case 'outcome':
      return outcomeText(record);
    case 'session-opened':
      return shortened(`${record.method} from ${record.source}`);
    case 'session-closed':
      return shortened(`${record.reason ?? 'ended'}, ${record.requests ?? 0} requests`);
    case 'administration':
      return shortened(record.detail ? `${record.action}: ${record.detail}` : record.action);
    case 'certificate':
      return shortened(
        record.decision === 'allow'
          ? `certificate of ${record.spiffeId} until ${record.notAfter}`
          : `certificate [${record.reason}] ${record.detail}`,
      );
    case 'gateway':
      return shortened(`${record.what}: ${record.detail}`);
  }
}

function loginText({ repeated, source }: LoginRecord): string {
  return repeated ? `${repeated.count} logins from ${source}` : `login from ${source}`;
}

export function outcomeText(outcome: OutcomeRecord | 'unknown'): string {
  if (outcome === 'unknown') return 'outcome unknown';
  const { errno, rows, durationMs } = outcome;
  const result = printable(outcome.outcome) + (errno === undefined ? '' : ` ${errno}`);
  return `${result}, ${rows} ${rows === 1 ? 'row' : 'rows'}, ${Number(durationMs.toFixed(2))} ms`;
}

const SUMMARY_LENGTH = 100;

function shortened(text: string): string {
  const shown = printable(text);
  return shown.length <= SUMMARY_LENGTH ? shown : `${shown.slice(0, SUMMARY_LENGTH - 1)}…`;
}
