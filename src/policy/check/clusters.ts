// SPDX-License-Identifier: Apache-2.0
import type { Labels } from '../../model/principal.ts';
import { sharedTrustDomain } from '../bundle-overlap.ts';
import type { MaterialSpec } from '../document/field.ts';
import type { Cluster, Material, TokenReviewPlace } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { pathText, placeAt } from '../source-tree.ts';
import { type CheckContext, type Report, reportOn } from './context.ts';
import { readKeySet, readMaterial } from './material.ts';
import { checkUrl } from './url.ts';

type ClusterDocument = ShapedDocument<'Cluster'>;

export function checkClusters(context: CheckContext): void {
  for (const document of context.documents.of('Cluster')) {
    const cluster = readCluster(document, reportOn(document, context.found));
    if (cluster) context.clusters.set(cluster.name, cluster);
    else context.documents.markFaulty(document);
  }
  const documents = context.documents.of('Cluster');
  for (const [index, document] of documents.entries()) {
    for (const other of documents.slice(0, index)) compareClusters(context, other, document);
  }
}

function readCluster(document: ClusterDocument, report: Report): Cluster | undefined {
  const { spec } = document;
  const bundle = readMaterial(spec.bundle, ['spec', 'bundle'], document, report);
  const tokens = readTokens(document, report);
  const namespaces = new Map<string, Labels>();
  for (const [index, { name, labels }] of spec.namespaces.entries()) {
    if (namespaces.has(name)) {
      const path = ['spec', 'namespaces', index, 'name'];
      const problem = `the namespace ${name} is listed twice`;
      report(path, 'value-invalid', {
        where: pathText(path),
        problem,
        suggestion: 'Remove one of the two.',
      });
    }
    namespaces.set(name, labels);
  }
  if (bundle === undefined) return undefined;
  return {
    rule: document.rule,
    name: document.name,
    labels: document.labels,
    trustDomain: spec.trustDomain,
    trustDomainAliases: spec.trustDomainAliases,
    bundle,
    ...(tokens && { serviceAccountTokens: tokens }),
    namespaces,
    ...(spec.istio && {
      istio: readMesh(spec.istio, document),
    }),
  };
}

function readMesh(spec: NonNullable<ClusterDocument['spec']['istio']>, document: ClusterDocument) {
  const { version, dataPlane, gateway, confinedNamespaces, certificateTtl } = spec;
  const position = placeAt(document.parsed.root, ['spec', 'istio']);
  return {
    rule: { name: document.rule.name, position },
    version,
    dataPlane,
    confinedNamespaces,
    ...(gateway && { gateway }),
    ...(certificateTtl !== undefined && { certificateTtlMs: certificateTtl }),
  };
}

function readTokens(
  document: ClusterDocument,
  report: Report,
): Cluster['serviceAccountTokens'] | undefined {
  const tokens = document.spec.serviceAccountTokens;
  if (tokens === undefined) return undefined;
  const path = ['spec', 'serviceAccountTokens'];
  checkUrl(tokens.issuer, [...path, 'issuer'], report);
  const jwks = tokens.jwks && readKeySet(tokens.jwks, [...path, 'jwks'], document, report);
  const tokenReview = readReview(document, report);
  const { issuer, audiences } = tokens;
  return { issuer, audiences, ...(jwks && { jwks }), ...(tokenReview && { tokenReview }) };
}

function readReview(document: ClusterDocument, report: Report): TokenReviewPlace | undefined {
  const spec = document.spec.serviceAccountTokens?.tokenReview;
  if (spec === undefined) return undefined;
  const path = ['spec', 'serviceAccountTokens', 'tokenReview'];
  const known = checkUrl(spec.server, [...path, 'server'], report);
  const ca = readMaterial(spec.ca, [...path, 'ca'], document, report);
  const token = readMaterial(spec.token, [...path, 'token'], document, report);
  if (!known || !ca || !token) return undefined;
  return { server: spec.server, ca, token, alone: spec.alone };
}

/** An identity must name one cluster; one that two vouch for is refused at every login. */
function compareClusters(
  context: CheckContext,
  firstDocument: ClusterDocument,
  document: ClusterDocument,
): void {
  const first = context.clusters.get(firstDocument.name);
  const second = context.clusters.get(document.name);
  if (first === undefined || second === undefined || first === second) return;
  const shared = sharedIdentity(first, second, document.spec.bundle);
  if (shared === undefined) return;
  const report = reportOn(document, context.found);
  const facts = { first: first.name, second: second.name, shared };
  report(['metadata', 'name'], 'cluster-indistinguishable', facts);
}

function sharedIdentity(
  first: Cluster,
  second: Cluster,
  written: MaterialSpec,
): string | undefined {
  const issuer = first.serviceAccountTokens?.issuer;
  if (issuer !== undefined && issuer === second.serviceAccountTokens?.issuer) {
    return `the token issuer ${issuer}`;
  }
  const domain = sharedTrustDomain(first, second);
  if (domain === undefined || materialText(first.bundle) !== materialText(second.bundle)) {
    return undefined;
  }
  // As written: a resolved path would differ between machines.
  return `the trust domain ${domain} and the bundle ${written.file ?? written.env}`;
}

function materialText(material: Material): string {
  return material.from === 'file' ? material.path : `env ${material.name}`;
}
