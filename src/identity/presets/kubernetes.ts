// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import type { Cluster, IdentityProvider } from '../../policy/policy.ts';
import { quote } from '../result.ts';
import { formatWorkloadSpiffeId, isNamespaceName, isServiceAccountName } from '../spiffe-id.ts';
import type { Claims } from '../unverified-token.ts';
import { claimText, type Description, described, readClaims, wrongClaims } from './preset.ts';

const schema = z.object({
  sub: claimText,
  'kubernetes.io': z
    .object({ namespace: z.string(), serviceaccount: z.object({ name: z.string() }) })
    .optional(),
});

const SUBJECT = /^system:serviceaccount:([^:]+):([^:]+)$/;

/** A service account token of a declared Cluster; the same principal its certificate would give. */
export function serviceAccount(claims: Claims, cluster: Cluster): Description {
  const read = readClaims(schema, claims, 'a Kubernetes service account token');
  if (!read.ok) return read;
  const { sub, 'kubernetes.io': bound } = read.claims;
  const [, namespace = '', name = ''] = SUBJECT.exec(sub) ?? [];
  if (!isNamespaceName(namespace) || !isServiceAccountName(name)) {
    return wrongClaims(`sub is ${quote(sub)}, not system:serviceaccount:<namespace>:<name>`);
  }
  if (bound && (bound.namespace !== namespace || bound.serviceaccount.name !== name)) {
    return wrongClaims('sub and kubernetes.io name different service accounts');
  }
  const { trustDomain } = cluster;
  return described({
    kind: 'workload',
    id: `workload/${cluster.name}/${namespace}/${name}`,
    cluster: cluster.name,
    namespace,
    serviceAccount: name,
    spiffeId: formatWorkloadSpiffeId({ trustDomain, namespace, serviceAccount: name }),
  });
}

/** Only a Cluster can vouch for workloads; it takes precedence over a provider of its issuer. */
export function kubernetes(_claims: Claims, provider: IdentityProvider): Description {
  return wrongClaims(
    `no Cluster has serviceAccountTokens of the issuer of IdentityProvider ${provider.name}, so nothing says which cluster these workloads are in`,
  );
}
