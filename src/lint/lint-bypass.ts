// SPDX-License-Identifier: Apache-2.0
import {
  type AuthorizationPolicy,
  reachesPort,
  valuesOf,
} from '../manifest/authorization-policy.ts';
import { selectsWorkload } from '../manifest/database-workload.ts';
import { manifestName } from '../manifest/manifest.ts';
import type { Cluster, Policy } from '../policy/policy.ts';
import type { LintContext } from './context.ts';

/** Who an ALLOW lets reach the database of a declared Target besides Postern and its operators. */
export function lintBypass(policy: AuthorizationPolicy, context: LintContext): void {
  if (policy.action !== 'ALLOW' || !context.policy) return;
  const object = manifestName(policy.manifest);
  for (const workload of context.databases) {
    const { target } = workload;
    if (target === undefined || !selectsWorkload(policy, workload)) continue;
    const expected = expectedAccounts(context.policy, target);
    if (!expected) continue;
    for (const rule of policy.rules.filter((one) => reachesPort(one, workload.port))) {
      for (const source of rule.sources) {
        for (const { field, value, place } of valuesOf(source, [
          'principals',
          'namespaces',
          'serviceAccounts',
        ])) {
          if (field.startsWith('not') || expected.has(accountOf(field, value))) continue;
          context.found.add('istio-database-bypass', place, { object, value, target });
        }
      }
    }
  }
}

/** `namespace/name` of a value; of a whole namespace or a pattern something no account is called. */
function accountOf(field: string, value: string): string {
  if (field === 'serviceAccounts') return value;
  const [, namespace, name] = /^[^/]+\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(value) ?? [];
  return field === 'principals' && namespace !== undefined ? `${namespace}/${name}` : `${value}/*`;
}

/** Undefined where Postern is not declared to run in the cluster of the pods. */
function expectedAccounts(policy: Policy, id: string): ReadonlySet<string> | undefined {
  const system = policy.targets.get(id)?.system;
  const pods = system && 'pods' in system ? system.pods : undefined;
  const cluster: Cluster | undefined = policy.clusters.get(pods?.cluster ?? '');
  const gateway = cluster?.istio?.gateway;
  if (!pods || !gateway) return undefined;
  return new Set([`${gateway.namespace}/${gateway.serviceAccount}`, ...pods.operators]);
}
