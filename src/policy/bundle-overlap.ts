// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type Diagnostic, DiagnosticList } from './diagnostic.ts';
import type { Cluster, Material } from './policy.ts';

/** A trust domain, by name or alias, that both clusters call their own. */
export function sharedTrustDomain(first: Cluster, second: Cluster): string | undefined {
  const domains = new Set([first.trustDomain, ...first.trustDomainAliases]);
  return [second.trustDomain, ...second.trustDomainAliases].find((one) => domains.has(one));
}

/**
 * Different bundle files may hold the same root certificate. Found where the files can be read;
 * elsewhere (a review, another machine) the gateway still refuses such identities one by one.
 */
export async function overlappingBundles(
  clusters: readonly Cluster[],
): Promise<readonly Diagnostic[]> {
  const found = new DiagnosticList();
  const roots = await Promise.all(clusters.map(({ bundle }) => rootsOf(bundle)));
  for (const [index, second] of clusters.entries()) {
    for (const [earlier, first] of clusters.slice(0, index).entries()) {
      const domain = sharedTrustDomain(first, second);
      const common = [...(roots[index] ?? [])].find((root) => roots[earlier]?.has(root));
      if (domain === undefined || common === undefined) continue;
      const shared = `the trust domain ${domain} and a root certificate (SHA-256 ${common})`;
      const facts = { first: first.name, second: second.name, shared };
      found.add('cluster-indistinguishable', second.rule.position, facts);
    }
  }
  return found.sorted();
}

const CERTIFICATE = /-----BEGIN CERTIFICATE-----([A-Za-z0-9+/=\s]+)-----END CERTIFICATE-----/g;

/** SHA-256 of the DER of each certificate; none when there is nothing to read here. */
export async function rootsOf(bundle: Material): Promise<ReadonlySet<string>> {
  if (bundle.from !== 'file') return new Set();
  return rootsIn(await readFile(bundle.path, 'latin1').catch(() => ''));
}

/** The same of a text. */
export function rootsIn(pem: string): ReadonlySet<string> {
  return new Set(
    [...pem.matchAll(CERTIFICATE)].map(([, text = '']) =>
      createHash('sha256').update(Buffer.from(text, 'base64')).digest('hex'),
    ),
  );
}
