// SPDX-License-Identifier: Apache-2.0

/** The identity of a Kubernetes workload in Istio's form of a SPIFFE id. */
export interface WorkloadSpiffeId {
  readonly trustDomain: string;
  readonly namespace: string;
  readonly serviceAccount: string;
}

/** SPIFFE-ID section 2.3: at most 2048 bytes, a trust domain of at most 255. */
const MAX_ID_LENGTH = 2048;
const MAX_TRUST_DOMAIN_LENGTH = 255;

/** SPIFFE-ID section 2.1: lower-case letters, digits, dots, dashes, underscores. */
const TRUST_DOMAIN = /^[a-z0-9._-]+$/;
/** RFC 1123 label (a namespace) and subdomain (a service account), as Kubernetes checks them. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
const MAX_SUBDOMAIN_LENGTH = 253;

/**
 * Parses `spiffe://<trust domain>/ns/<namespace>/sa/<service account>` and nothing else: no other
 * path, port, user info, query, fragment, percent-encoding, upper case or trailing slash.
 */
export function parseWorkloadSpiffeId(text: string): WorkloadSpiffeId | undefined {
  if (text.length > MAX_ID_LENGTH || !text.startsWith('spiffe://')) return undefined;
  const [trustDomain = '', ns, namespace = '', sa, serviceAccount = '', ...rest] = text
    .slice('spiffe://'.length)
    .split('/');
  if (rest.length > 0 || ns !== 'ns' || sa !== 'sa') return undefined;
  if (trustDomain.length > MAX_TRUST_DOMAIN_LENGTH || !TRUST_DOMAIN.test(trustDomain)) {
    return undefined;
  }
  if (!isNamespaceName(namespace) || !isServiceAccountName(serviceAccount)) return undefined;
  return { trustDomain, namespace, serviceAccount };
}

export function formatWorkloadSpiffeId(id: WorkloadSpiffeId): string {
  return `spiffe://${id.trustDomain}/ns/${id.namespace}/sa/${id.serviceAccount}`;
}

export function isNamespaceName(text: string): boolean {
  return LABEL.test(text);
}

export function isServiceAccountName(text: string): boolean {
  return text.length <= MAX_SUBDOMAIN_LENGTH && text.split('.').every((part) => LABEL.test(part));
}
