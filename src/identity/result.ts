// SPDX-License-Identifier: Apache-2.0
import type { DenialReason } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';

/** The peer hears none of it; the audit gets both words. */
export interface IdentityRefusal {
  readonly ok: false;
  readonly reason: DenialReason;
  /** One sentence for a person: what was presented, what would have been accepted. */
  readonly detail: string;
}

export interface Identified {
  readonly ok: true;
  readonly principal: Principal;
  /** The ticket that was the proof. */
  readonly ticket?: string;
}

export type IdentityResult = Identified | IdentityRefusal;

export function refusal(reason: DenialReason, detail: string): IdentityRefusal {
  return { ok: false, reason, detail };
}

/** Text an identity may carry into ids, logs and messages: no control or invisible characters. */
export const UNPRINTABLE = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}]/u;

const QUOTED_LENGTH = 120;

/** An untrusted value as it may stand in a detail: quoted, cut, escaped. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? value : (JSON.stringify(value) ?? 'nothing');
  const cut = text.length > QUOTED_LENGTH ? `${text.slice(0, QUOTED_LENGTH)}...` : text;
  const spelled = (found: string) => `\\u{${(found.codePointAt(0) ?? 0).toString(16)}}`;
  return `"${cut.replace(new RegExp(UNPRINTABLE, 'gu'), spelled)}"`;
}

/** At most five of them, for lists of what is declared. */
export function quoteList(values: readonly string[]): string {
  const shown = values.slice(0, 5).map(quote).join(', ');
  return values.length > 5 ? `${shown} and ${values.length - 5} more` : shown || 'nothing';
}
