// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { Principal } from '../../model/principal.ts';
import type { IdentityProvider } from '../../policy/policy.ts';
import { type IdentityRefusal, refusal, UNPRINTABLE } from '../result.ts';
import type { Claims } from '../unverified-token.ts';

type Proof = 'method' | 'verifiedBy' | 'claims' | 'expiresAt' | 'anchor';
type WithoutProof<P> = P extends unknown ? Omit<P, Proof> : never;

/** Who a verified token stands for; the verifier adds how and until when. */
export type Described = WithoutProof<Principal>;

export type Description = { readonly ok: true; readonly described: Described } | IdentityRefusal;

/**
 * Turns the claims of a token whose signature, issuer, audience and times are already verified
 * into a principal. Claims that are mandatory for the preset and missing refuse the token.
 */
export type Preset = (claims: Claims, provider: IdentityProvider) => Description;

const MAX_TEXT = 512;
/** Groups beyond it would not fit into a token of MAX_TOKEN_BYTES anyway. */
const MAX_LIST = 2048;

/** A claim that becomes part of an id or is compared with rules. */
export const claimText = z
  .string()
  .min(1)
  .max(MAX_TEXT)
  .refine((text) => !UNPRINTABLE.test(text), 'has control or invisible characters');

export const claimList = z.array(z.string().max(MAX_TEXT)).max(MAX_LIST);

/** A name that is only shown; whatever is wrong with it makes it absent. */
export const shownText = claimText.optional().catch(undefined);

/** Environments and references share one place in a CI id, so neither may look like the other. */
export const environmentText = claimText.refine(
  (text) => !text.startsWith('ref:'),
  'starts with "ref:"',
);

/** Checks claims against a schema; the refusal names every claim that is missing or wrong. */
export function readClaims<T>(
  schema: z.ZodType<T>,
  claims: Claims,
  what: string,
): { readonly ok: true; readonly claims: T } | IdentityRefusal {
  const parsed = schema.safeParse(claims);
  if (parsed.success) return { ok: true, claims: parsed.data };
  const faults = parsed.error.issues.map((issue) => {
    const name = issue.path.map(String).join('.');
    const missing = claims[String(issue.path[0])] === undefined;
    return missing ? `${name} is missing` : `${name}: ${issue.message}`;
  });
  return refusal('token-claims', `claims of ${what}: ${faults.slice(0, 5).join('; ')}`);
}

export function described(principal: Described): Description {
  return { ok: true, described: principal };
}

export function wrongClaims(detail: string): IdentityRefusal {
  return refusal('token-claims', detail);
}

/** The first of these claims that is there. */
export function firstText(claims: Claims, names: readonly string[]): string | undefined {
  for (const name of names) {
    const found = shownText.parse(claims[name]);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `ci/github/acme/shop@production`, or `@ref:refs/heads/main` outside an environment. */
export function ciId(
  provider: string,
  repository: string,
  place: { readonly environment?: string | undefined; readonly ref?: string | undefined },
): string {
  const { environment, ref } = place;
  const where = environment ?? (ref === undefined ? undefined : `ref:${ref}`);
  return `ci/${provider}/${repository}${where === undefined ? '' : `@${where}`}`;
}
