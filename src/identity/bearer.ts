// SPDX-License-Identifier: Apache-2.0
import { compactVerify, errors } from 'jose';
import type { Clock } from '../model/clock.ts';
import type { ClaimValue } from '../model/principal.ts';
import type { IssuerKeys, VerificationKey } from './issuer-keys.ts';
import type { Description } from './presets/preset.ts';
import { type IdentityRefusal, type IdentityResult, quote, quoteList, refusal } from './result.ts';
import type { TokenReview } from './token-review.ts';
import { type Claims, SIGNATURE_ALGORITHMS, type UnverifiedToken } from './unverified-token.ts';

/** How far the clocks of a provider and ours may be apart. */
export const CLOCK_LEEWAY_MS = 60_000;

/** One declared issuer of tokens: an IdentityProvider's or a Cluster's. */
export interface TokenSource {
  /** Kind and name, for messages. */
  readonly owner: string;
  /** Name alone, for `verifiedBy`. */
  readonly name: string;
  readonly audiences: readonly string[];
  readonly keys: IssuerKeys;
  /** Equal for two revisions that read a token alike, whatever audiences and issuers they add. */
  readonly meaning: string;
  readonly describe: (claims: Claims) => Description;
  /** The issuer is asked about each token besides, or instead of the check of the signature. */
  readonly review?: TokenReview;
}

/**
 * Verifies a token against the source its issuer belongs to: key, signature, audience, times,
 * claims, in this order, so that nothing a stranger wrote is believed before the signature is. A
 * review by the issuer comes last, or first where it takes the place of the signature.
 */
export async function verifyBearer(
  text: string,
  token: UnverifiedToken,
  source: TokenSource,
  clock: Clock,
): Promise<IdentityResult> {
  const { claims } = token;
  const { review } = source;
  const unproven = review?.alone
    ? await review.check(text, claims.sub)
    : await signatureProblem(text, token, source);
  if (unproven) return unproven;
  const unfit = audienceProblem(claims, source) ?? timeProblem(claims, clock.now());
  if (unfit) return unfit;
  const description = source.describe(claims);
  if (!description.ok) return description;
  const refused = review && !review.alone ? await review.check(text, claims.sub) : undefined;
  if (refused) return refused;
  const proof = {
    method: 'token',
    verifiedBy: source.name,
    claims: visibleClaims(claims),
    expiresAt: Number(claims.exp) * 1000,
    anchor: {
      kind: 'token',
      issuer: token.issuer,
      audiences: presentedAudiences(claims).filter((one) => acceptsAudience(source, one)),
      meaning: source.meaning,
    },
  } as const;
  return { ok: true, principal: { ...description.described, ...proof } };
}

async function signatureProblem(
  text: string,
  token: UnverifiedToken,
  source: TokenSource,
): Promise<IdentityRefusal | undefined> {
  const found = await source.keys.find(token);
  if (!found.ok) return found;
  if (await isSigned(text, found.keys)) return undefined;
  const key = token.keyId === undefined ? 'any key' : `key ${quote(token.keyId)}`;
  return refusal('token-signature', `the signature is not by ${key} of ${source.owner}`);
}

async function isSigned(text: string, keys: readonly VerificationKey[]): Promise<boolean> {
  for (const key of keys) {
    try {
      await compactVerify(text, key, { algorithms: [...SIGNATURE_ALGORITHMS] });
      return true;
    } catch (thrown) {
      // A key that is unfit (RSA below 2048 bits is a TypeError) proves as little as a wrong one.
      const expected = thrown instanceof errors.JOSEError || thrown instanceof TypeError;
      if (!expected) throw thrown;
    }
  }
  return false;
}

/** Azure SQL's own audience: such a token is for the database, and whoever takes it could use it. */
const DATABASE_AUDIENCE = /^(https:\/\/)?database\.windows\.net\/*$/i;

export function acceptsAudience(
  { audiences }: Pick<TokenSource, 'audiences'>,
  one: string,
): boolean {
  return audiences.includes(one) && !DATABASE_AUDIENCE.test(one);
}

function presentedAudiences({ aud }: Claims): readonly string[] {
  return (Array.isArray(aud) ? aud : [aud]).filter((one) => typeof one === 'string');
}

function audienceProblem(claims: Claims, source: TokenSource): IdentityRefusal | undefined {
  const presented = presentedAudiences(claims);
  if (presented.some((one) => acceptsAudience(source, one))) return undefined;
  const accepted = source.audiences.filter((one) => acceptsAudience(source, one));
  const hint = presented.some((one) => DATABASE_AUDIENCE.test(one))
    ? '; a token for Azure SQL itself is never accepted, ask for one for Postern'
    : '';
  return refusal(
    'token-audience',
    `audience is ${quoteList(presented)}, ${source.owner} accepts ${quoteList(accepted)}${hint}`,
  );
}

/** exp, iat and sub are required (a token without an end is a password). */
function timeProblem(claims: Claims, nowMs: number): IdentityRefusal | undefined {
  const { exp, iat, nbf, sub } = claims;
  if (!isTime(exp) || !isTime(iat)) {
    return refusal('token-claims', 'the token does not say when it was issued and when it ends');
  }
  if (typeof sub !== 'string' || sub === '') {
    return refusal('token-claims', 'the token has no subject (sub)');
  }
  if (nbf !== undefined && !isTime(nbf)) {
    return refusal('token-claims', 'the start of the token (nbf) is not a time');
  }
  if (exp * 1000 + CLOCK_LEEWAY_MS <= nowMs) {
    return refusal('token-expired', `the token ended ${timeText(exp)}`);
  }
  const start = Math.max(iat, nbf ?? iat);
  if (start * 1000 - CLOCK_LEEWAY_MS > nowMs) {
    return refusal('token-not-yet-valid', `the token starts ${timeText(start)}; is a clock wrong?`);
  }
  return undefined;
}

/** Year 9999: beyond it no date can be shown, and no provider means it. */
const MAX_TIME_SECONDS = 253_402_300_799;

function isTime(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= MAX_TIME_SECONDS;
}

const timeText = (seconds: number) => `at ${new Date(seconds * 1000).toISOString()}`;

/** What `when` rules may look at: text and lists of text; numbers, booleans, objects never match. */
function visibleClaims(claims: Claims): Readonly<Record<string, ClaimValue>> {
  const visible = Object.entries(claims).filter((entry): entry is [string, ClaimValue] => {
    const [name, value] = entry;
    if (name === '__proto__') return false;
    return typeof value === 'string' || isTextList(value);
  });
  return Object.fromEntries(visible);
}

function isTextList(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string');
}
