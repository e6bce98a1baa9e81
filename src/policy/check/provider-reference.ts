// SPDX-License-Identifier: Apache-2.0
import type { IdentityProvider } from '../policy.ts';
import { type Path, pathText } from '../source-tree.ts';
import { reportUnknown, type SubjectPlace } from './context.ts';
import { principalKinds } from './providers.ts';

type ProviderKind = 'user' | 'ci' | 'agent';

/** The provider exists and its tokens can be of that kind. */
export function knowsProvider(
  name: string,
  wanted: ProviderKind | readonly ProviderKind[],
  path: Path,
  { context, report }: SubjectPlace,
): boolean {
  const provider = context.providers.get(name);
  const at = [...path, 'provider'];
  if (provider === undefined) {
    reportUnknown(context, report, at, 'IdentityProvider', name, context.providers.keys());
    return false;
  }
  const kinds: readonly string[] = principalKinds(provider);
  const asked: readonly string[] = typeof wanted === 'string' ? [wanted] : wanted;
  if (asked.some((kind) => kinds.includes(kind))) return true;
  const suggestion =
    kinds.length > 0
      ? `Its tokens stand for: ${kinds.join(', ')}.`
      : 'Service accounts are named by "workload" or "serviceAccount".';
  report(at, 'provider-kind', { provider: name, kind: asked.join(' or '), suggestion });
  return false;
}

/** The provider's tokens say which groups or application roles their holder has. */
export function requireClaim(
  name: string,
  claim: 'groups' | 'roles',
  path: Path,
  { context, report }: SubjectPlace,
): void {
  const provider = context.providers.get(name);
  if (provider === undefined || provider.claims[claim] !== undefined) return;
  report([...path, 'provider'], 'provider-claim', {
    provider: name,
    what: claim === 'groups' ? 'groups' : 'application roles',
    suggestion:
      provider.preset === 'generic'
        ? `Name the claim in the provider: "oidc: {claims: {${claim}: ...}}".`
        : 'Use a group or a user of this provider.',
  });
}

const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Ids of users and groups must be ones that are never given to somebody else. */
export function checkId(provider: string, id: string, path: Path, place: SubjectPlace): void {
  if (refuseWildcard(id, path, place)) return;
  const { preset }: Pick<IdentityProvider, 'preset'> = place.context.providers.get(provider) ?? {
    preset: 'generic',
  };
  const facts = { where: pathText(path), name: id };
  if (preset === 'entra') {
    if (!GUID.test(id)) place.report(path, 'display-name', facts);
  } else if (/[\s@]/.test(id)) {
    place.report(path, 'mutable-identifier', facts);
  }
}

/** True, with a fault, when the value has a wildcard. */
export function refuseWildcard(value: string, path: Path, { report }: SubjectPlace): boolean {
  if (!value.includes('*')) return false;
  report(path, 'wildcard-refused', {
    where: pathText(path),
    problem: `${value} has a wildcard, and an identity is compared as a whole`,
    suggestion: 'Name it in full, or use a group.',
  });
  return true;
}
