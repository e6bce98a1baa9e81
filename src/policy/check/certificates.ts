// SPDX-License-Identifier: Apache-2.0
import type { CertifiedIdentity, Cluster } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { pathText } from '../source-tree.ts';
import { type CheckContext, type Report, reportOn } from './context.ts';
import { memberMatchers } from './member-subject.ts';

const CERTIFICATES = ['spec', 'certificates'] as const;

/** Who gets certificates of a Cluster; after the providers, whose identities it names. */
export function checkCertificates(context: CheckContext): void {
  for (const document of context.documents.of('Cluster')) {
    const cluster = context.clusters.get(document.name);
    if (!cluster || cluster.rule !== document.rule) continue;
    const certificates = readCertificates(document, cluster, context);
    if (certificates) context.clusters.set(cluster.name, { ...cluster, certificates });
  }
}

function readCertificates(
  document: ShapedDocument<'Cluster'>,
  cluster: Cluster,
  context: CheckContext,
): Cluster['certificates'] {
  const spec = document.spec.certificates;
  if (!spec) return undefined;
  const report = reportOn(document, context.found);
  if (spec.serviceAccounts && !cluster.serviceAccountTokens) {
    const path = [...CERTIFICATES, 'serviceAccounts'];
    report(path, 'value-invalid', {
      where: pathText(path),
      problem: 'nothing says which service account tokens are of this cluster',
      suggestion: 'Declare spec.serviceAccountTokens, or leave this out.',
    });
  }
  const identities = spec.identities.flatMap((_, index) =>
    readIdentity(document, index, context, report),
  );
  return { serviceAccounts: spec.serviceAccounts, identities };
}

function readIdentity(
  document: ShapedDocument<'Cluster'>,
  index: number,
  context: CheckContext,
  report: Report,
): readonly CertifiedIdentity[] {
  const written = document.spec.certificates?.identities[index];
  if (!written) return [];
  const [namespace = '', serviceAccount = ''] = written.as.split('/');
  const path = [...CERTIFICATES, 'identities', index, 'subject'];
  return memberMatchers(written.subject, path, { context, report, effect: 'allow' }).map(
    (subject) => ({ subject, namespace, serviceAccount }),
  );
}
