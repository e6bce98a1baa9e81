// SPDX-License-Identifier: Apache-2.0

/** Validity of a certificate, ms since the epoch. */
export interface Life {
  readonly notBefore: number;
  readonly notAfter: number;
}

const SECOND_MS = 1_000;
const MINUTE_MS = 60_000;

/** Half life, a tenth of the life earlier or later: a fleet started at once must not come at once. */
export function renewalTime({ notBefore, notAfter }: Life, random: () => number): number {
  const life = notAfter - notBefore;
  return notBefore + life * (0.4 + 0.2 * random());
}

/** Doubling from a second; never so long that a short life would pass over it. */
export function retryDelay(failures: number, life: Life | undefined, random: () => number): number {
  const span = life ? (life.notAfter - life.notBefore) / 20 : MINUTE_MS;
  const longest = Math.min(Math.max(span, SECOND_MS), 5 * MINUTE_MS);
  const delay = Math.min(SECOND_MS * 2 ** Math.min(failures - 1, 20), longest);
  return delay * (0.5 + random());
}

/** How often the roots are asked for between renewals: a rollover counts on a minute. */
export function bundleDelay({ notBefore, notAfter }: Life): number {
  return Math.min(Math.max((notAfter - notBefore) / 10, SECOND_MS), MINUTE_MS);
}

/** Less than a quarter left means that renewing has failed for a quarter of the life. */
export function isStale({ notBefore, notAfter }: Life, nowMs: number): boolean {
  return nowMs >= notAfter - (notAfter - notBefore) / 4;
}
