// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type JsonValue } from '../compile/kube/object.ts';
import type { MeshToken } from './mesh/mesh-call.ts';
import { SOME_SUBJECT } from './token-claims.ts';

interface Issuer {
  readonly issuer: string;
  /** Absent: tokens for anybody count. */
  readonly audience?: string;
}

/**
 * Tokens of issuers that specs of RequestAuthentications trust and nobody declares: `like` each of
 * these, and with each subject that a spec names. Whom they stand for the declaration cannot know.
 */
export function undeclaredTokens(
  specs: readonly (JsonValue | undefined)[],
  declared: ReadonlySet<string>,
  like: readonly MeshToken[],
): readonly MeshToken[] {
  const texts = specs.flatMap((spec) => textsIn(spec));
  return specs.flatMap(issuersIn).flatMap(({ issuer, audience }) => {
    if (declared.has(issuer)) return [];
    const named = texts.filter((text) => text.startsWith(`${issuer}/`));
    const subjects = named.map((text) => text.slice(issuer.length + 1).replace(/\*$/, 'x-y'));
    const claims = like.map((token) => token.claims);
    return [...claims, {}].flatMap((claimed) =>
      [SOME_SUBJECT, ...subjects].map((sub): MeshToken => {
        const aud = audience ?? claimed['aud'] ?? SOME_SUBJECT;
        return { issuer, claims: { ...claimed, iss: issuer, sub, aud }, verifies: true };
      }),
    );
  });
}

function issuersIn(spec: JsonValue | undefined): readonly Issuer[] {
  const rules = isJsonObject(spec) ? spec['jwtRules'] : undefined;
  return (Array.isArray(rules) ? rules : []).flatMap((rule): readonly Issuer[] => {
    if (!isJsonObject(rule) || typeof rule['issuer'] !== 'string') return [];
    const [audience] = Array.isArray(rule['audiences']) ? rule['audiences'] : [];
    return [{ issuer: rule['issuer'], ...(typeof audience === 'string' && { audience }) }];
  });
}

function textsIn(value: JsonValue | undefined): readonly string[] {
  if (typeof value === 'string') return [value];
  if (Array.isArray(value)) return value.flatMap((one: JsonValue) => textsIn(one));
  return isJsonObject(value) ? Object.values(value).flatMap(textsIn) : [];
}
