// SPDX-License-Identifier: Apache-2.0
import type { Principal, TrustAnchor } from '../model/principal.ts';
import { acceptsAudience } from './bearer.ts';
import { quote, quoteList } from './result.ts';
import type { TokenSources } from './token-sources.ts';
import type { TrustBundles } from './trust-bundles.ts';

interface Trust {
  readonly bundles: TrustBundles;
  readonly sources: TokenSources;
}

/**
 * Why the proof of a principal would not be believed any more; undefined when nothing that it
 * rested on was taken away. For an agent also what the person it acts for rested on.
 */
export function withdrawal(principal: Principal, trust: Trust): string | undefined {
  const { anchor, verifiedBy, onBehalfOf } = principal;
  const own =
    anchor?.kind === 'certificate'
      ? certificateWithdrawal(anchor, verifiedBy, trust.bundles)
      : anchor && tokenWithdrawal(anchor, verifiedBy, trust.sources);
  return own ?? (onBehalfOf && withdrawal(onBehalfOf, trust));
}

function tokenWithdrawal(
  anchor: TrustAnchor & { kind: 'token' },
  verifiedBy: string,
  sources: TokenSources,
): string | undefined {
  const found = sources.find(anchor.issuer);
  if (!found.ok || found.source.name !== verifiedBy) {
    return `${verifiedBy} no longer accepts tokens of issuer ${quote(anchor.issuer)}`;
  }
  const { source } = found;
  if (!anchor.audiences.some((one) => acceptsAudience(source, one))) {
    return `${source.owner} no longer accepts tokens for ${quoteList(anchor.audiences)}`;
  }
  if (source.meaning === anchor.meaning) return undefined;
  return `${source.owner} has changed in how it reads or verifies tokens`;
}

function certificateWithdrawal(
  anchor: TrustAnchor & { kind: 'certificate' },
  verifiedBy: string,
  bundles: TrustBundles,
): string | undefined {
  const bundle = bundles.bundleOf(verifiedBy);
  if (!bundle) return `Cluster ${verifiedBy} is no longer declared`;
  const { trustDomain, trustDomainAliases } = bundle.cluster;
  const named = [trustDomain, ...trustDomainAliases].includes(anchor.trustDomain);
  if (!named || trustDomain !== anchor.clusterDomain) {
    return `Cluster ${verifiedBy} has another trust domain`;
  }
  if (bundle.roots.some(({ certificate }) => certificate.fingerprint256 === anchor.root)) {
    return undefined;
  }
  return `the bundle of Cluster ${verifiedBy} no longer has the root of its certificate`;
}
