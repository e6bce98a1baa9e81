// SPDX-License-Identifier: Apache-2.0
import { quoteList } from '../identity/result.ts';
import type { Principal } from '../model/principal.ts';
import type { Cluster } from '../policy/policy.ts';
import { subjectMatch } from '../policy/subject-match.ts';

/** The workload somebody gets a certificate as, or why nobody knows one. */
export type Entitlement =
  | { readonly ok: true; readonly namespace: string; readonly serviceAccount: string }
  | {
      readonly ok: false;
      readonly reason: 'not-declared' | 'ambiguous';
      readonly detail: string;
    };

/** What `Cluster.spec.certificates` says about a principal. Only what is declared counts. */
export function entitlement(principal: Principal, cluster: Cluster): Entitlement {
  const clusters = new Map([[cluster.name, cluster]]);
  const { serviceAccounts = false, identities = [] } = cluster.certificates ?? {};
  const names = new Set(
    identities
      .filter(({ subject }) => subjectMatch(subject, principal, 'grant', clusters) === 'yes')
      .map(({ namespace, serviceAccount }) => `${namespace}/${serviceAccount}`),
  );
  // A token of another cluster proves nothing about a workload of this one.
  if (serviceAccounts && principal.kind === 'workload' && principal.cluster === cluster.name) {
    names.add(`${principal.namespace}/${principal.serviceAccount}`);
  }
  const [name, ...more] = [...names];
  if (name === undefined) {
    const detail = `Cluster ${cluster.name} declares no certificate for ${principal.id}`;
    return { ok: false, reason: 'not-declared', detail };
  }
  if (more.length > 0) {
    const detail = `Cluster ${cluster.name} declares ${principal.id} as ${quoteList([...names])}; it must be one`;
    return { ok: false, reason: 'ambiguous', detail };
  }
  const [namespace = '', serviceAccount = ''] = name.split('/');
  return { ok: true, namespace, serviceAccount };
}
