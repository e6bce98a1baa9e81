// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../compile/kube/object.ts';
import { type Unknown, unknown } from './answer.ts';
import type { Origin } from './finding.ts';
import type { MeshToken } from './mesh-call.ts';
import type { Labels, MeshObject } from './mesh-facts.ts';
import { ObjectFields } from './object-fields.ts';

interface TokenRule {
  readonly path: string;
  readonly issuer: string;
  /** Empty: not looked at. */
  readonly audiences: readonly string[];
  /** Whether it looks for a token where callers here put it, `Authorization: Bearer`. */
  readonly sees: boolean | Unknown;
  readonly spaceDelimited: readonly string[];
}

export interface RequestAuthentication {
  readonly from: MeshObject;
  readonly namespace: string;
  readonly selector: Labels;
  readonly hasTargets: boolean;
  readonly rules: readonly TokenRule[];
  readonly strange?: string;
}

export function readRequestAuthentication(from: MeshObject): RequestAuthentication {
  const spec = new ObjectFields(from.object['spec'], 'spec');
  const hasTargets = spec.objects('targetRefs').length > 0 || spec.has('targetRef');
  spec.ignore('targetRefs');
  const read = {
    from,
    namespace: from.object.metadata.namespace ?? '',
    selector: spec.object('selector').map('matchLabels'),
    hasTargets,
    rules: spec.objects('jwtRules').map(readRule),
  };
  const strange = hasTargets ? undefined : spec.strange();
  return { ...read, ...(strange !== undefined && { strange }) };
}

function readRule(rule: ObjectFields): TokenRule {
  // Where keys come from, and what is told to the application, does not decide.
  rule.ignore('jwks', 'jwksUri', 'forwardOriginalToken', 'timeout');
  rule.ignore('outputPayloadToHeader', 'outputClaimToHeaders', 'fromParams', 'fromCookies');
  const elsewhere = rule.has('fromParams') || rule.has('fromCookies');
  const headers = rule.objects('fromHeaders').map((header) => ({
    name: header.text('name')?.toLowerCase(),
    prefix: header.text('prefix') ?? '',
  }));
  const own = headers.filter(({ name }) => name === 'authorization');
  return {
    path: rule.path,
    issuer: rule.text('issuer') ?? '',
    audiences: rule.texts('audiences'),
    sees: seen(
      headers.length === 0 && !elsewhere,
      own.map(({ prefix }) => prefix),
    ),
    spaceDelimited: ['scope', 'permission', ...rule.texts('spaceDelimitedClaims')],
  };
}

function seen(isDefault: boolean, prefixes: readonly string[]): boolean | Unknown {
  if (isDefault || prefixes.includes('Bearer ')) return true;
  if (prefixes.length === 0) return false;
  return unknown('field-unknown', `a token after "${prefixes[0]}"`);
}

/** What became of the token of a request. */
export type TokenOutcome =
  | { readonly kind: 'none' }
  | { readonly kind: 'verified'; readonly claims: JsonObject }
  | { readonly kind: 'refused'; readonly origin: Origin }
  | { readonly kind: 'unknown'; readonly unknown: Unknown; readonly origin: Origin };

/**
 * A request without token passes. One that a rule sees must be good for some rule that looks at the
 * same place, or it is refused, whoever else would take it.
 */
export function judgeToken(
  authentications: readonly RequestAuthentication[],
  token: MeshToken | undefined,
): TokenOutcome {
  if (!token) return { kind: 'none' };
  let refusal: Origin | undefined;
  for (const { from, rules, strange } of authentications) {
    if (strange !== undefined) return undecided(unknown('field-unknown', strange), from, strange);
    for (const rule of rules) {
      if (rule.sees === false) continue;
      if (rule.sees !== true) return undecided(rule.sees, from, rule.path);
      if (rule.issuer === '') {
        return undecided(unknown('field-unknown', 'a rule without issuer'), from, rule.path);
      }
      if (isGood(rule, token)) return { kind: 'verified', claims: spread(token.claims, rule) };
      refusal ??= { from, path: rule.path };
    }
  }
  return refusal ? { kind: 'refused', origin: refusal } : { kind: 'none' };
}

function undecided(found: Unknown, from: MeshObject, path: string): TokenOutcome {
  return { kind: 'unknown', unknown: found, origin: { from, path } };
}

function isGood({ issuer, audiences }: TokenRule, token: MeshToken): boolean {
  if (!token.verifies || token.issuer !== issuer) return false;
  const named = [token.claims['aud'] ?? []].flat();
  return audiences.length === 0 || audiences.some((audience) => named.includes(audience));
}

/** Claims of words in one text are lists to the rules. */
function spread(claims: JsonObject, { spaceDelimited }: TokenRule): JsonObject {
  const lists = spaceDelimited.flatMap((name) => {
    const claim = claims[name];
    return typeof claim === 'string' ? [[name, claim.split(' ')] as const] : [];
  });
  return { ...claims, ...Object.fromEntries(lists) };
}
