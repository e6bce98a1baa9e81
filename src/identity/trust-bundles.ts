// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { problemText } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import type { Cluster, Material, Policy } from '../policy/policy.ts';
import { type ReadCertificate, readAll } from './certificate-path.ts';

export interface TrustBundle {
  readonly cluster: Cluster;
  readonly pem: string;
  readonly roots: readonly ReadCertificate[];
}

/** The root certificates of every declared Cluster, kept apart. */
export class TrustBundles {
  readonly #byCluster: ReadonlyMap<string, TrustBundle>;

  private constructor(byCluster: ReadonlyMap<string, TrustBundle>) {
    this.#byCluster = byCluster;
  }

  /**
   * Reads every bundle. One that cannot be read is logged and keeps what `previous` had for the
   * same material; without that its cluster has no roots, so nobody of it is believed.
   */
  static read(
    policy: Policy,
    parts: { readonly readMaterial: (material: Material) => string; readonly log: Log },
    previous?: TrustBundles,
  ): TrustBundles {
    const byCluster = new Map<string, TrustBundle>();
    for (const cluster of policy.clusters.values()) {
      const { name, bundle } = cluster;
      try {
        const pem = parts.readMaterial(bundle);
        byCluster.set(name, { cluster, pem, roots: parseBundle(pem) });
      } catch (thrown) {
        const old = previous?.bundleOf(name);
        const kept = old && JSON.stringify(old.cluster.bundle) === JSON.stringify(bundle);
        const problem = problemText(thrown);
        parts.log.error('a trust bundle cannot be read', { cluster: name, problem, kept: !!kept });
        byCluster.set(name, kept ? { ...old, cluster } : { cluster, pem: '', roots: [] });
      }
    }
    return new TrustBundles(byCluster);
  }

  bundleOf(cluster: string): TrustBundle | undefined {
    return this.#byCluster.get(cluster);
  }

  get all(): readonly TrustBundle[] {
    return [...this.#byCluster.values()];
  }

  /** Clusters that call themselves this trust domain, by name or alias. */
  ofTrustDomain(trustDomain: string): readonly TrustBundle[] {
    return this.all.filter(
      ({ cluster }) =>
        cluster.trustDomain === trustDomain || cluster.trustDomainAliases.includes(trustDomain),
    );
  }

  /** Whether somebody whom `before` believed may no longer be. */
  hasLessThan(before: TrustBundles): boolean {
    return before.all.some(({ cluster, roots }) => {
      const now = new Set(this.bundleOf(cluster.name)?.roots.map(fingerprint));
      return roots.some((root) => !now.has(fingerprint(root)));
    });
  }

  /** Every root, for a TLS handshake that only later learns which cluster calls. */
  get rootsPem(): readonly string[] {
    const roots = this.all.flatMap((bundle) => bundle.roots.map((root) => root.certificate));
    return [...new Map(roots.map((root) => [root.fingerprint256, root.toString()])).values()];
  }
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g;

/** All certificates of a PEM text; throws when there is none or one cannot be read. */
export function parseCertificates(pem: string): X509Certificate[] {
  const certificates = [...pem.matchAll(CERTIFICATE)].map(([text]) => new X509Certificate(text));
  if (certificates.length === 0) throw new Error('there is no certificate in it');
  return certificates;
}

const fingerprint = ({ certificate }: ReadCertificate) => certificate.fingerprint256;

function parseBundle(pem: string): readonly ReadCertificate[] {
  const roots = readAll(parseCertificates(pem));
  if (!roots) throw new Error('a certificate in it cannot be read');
  return roots;
}
