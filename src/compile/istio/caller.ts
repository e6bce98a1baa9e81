// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import type { Grant, SubjectMatcher, Target } from '../../policy/policy.ts';
import { type MeshContext, principals, trustDomains } from './mesh-context.ts';

/** Workloads of this cluster; what is absent does not restrict. */
export interface WorkloadCaller {
  /** Only under this trust domain; absent: under each of the cluster's. */
  readonly trustDomain?: string;
  readonly namespace?: string;
  readonly serviceAccount?: string;
  readonly rules: readonly RuleReference[];
}

/** Whoever shows a token; the mesh sees it in HTTP only. */
export interface TokenCaller {
  readonly subject: SubjectMatcher;
  readonly rule: RuleReference;
}

export interface Callers {
  readonly workloads: readonly WorkloadCaller[];
  readonly tokens: readonly TokenCaller[];
}

export function grantsOn({ policy, nowMs }: MeshContext, target: Target): readonly Grant[] {
  return policy.grants.filter(
    ({ targets, expires }) => targets.has(target.id) && (expires === undefined || expires > nowMs),
  );
}

/**
 * Who some Grant lets reach the target from this cluster. A workload that a Deny always keeps out
 * is left out; one that a Deny keeps out at times is the gateway's to judge.
 */
export function callersOf(context: MeshContext, target: Target): Callers {
  const workloads = new Map<string, WorkloadCaller>();
  const tokens: TokenCaller[] = [];
  for (const { subjects, rule } of grantsOn(context, target)) {
    for (const subject of subjects) {
      if (subject.kind !== 'workload' && subject.kind !== 'spiffeId') {
        tokens.push({ subject, rule });
        continue;
      }
      for (const caller of workloadsOf(context, subject)) {
        if (isDenied(context, target, caller)) continue;
        const key = [caller.namespace, caller.serviceAccount, caller.trustDomain].join('/');
        const rules = [...(workloads.get(key)?.rules ?? []), rule];
        workloads.set(key, { ...caller, rules });
      }
    }
  }
  const sorted = [...workloads].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, caller]) => caller);
  return { workloads: sorted, tokens };
}

/** Principals in Istio's form. The trust domain is part of each, which `namespaces` would ignore. */
export function callerPrincipals(context: MeshContext, caller: WorkloadCaller): readonly string[] {
  const { namespace, serviceAccount = '*', trustDomain } = caller;
  if (namespace === undefined) return trustDomains(context).map((domain) => `${domain}/*`);
  if (trustDomain !== undefined) return [`${trustDomain}/ns/${namespace}/sa/${serviceAccount}`];
  return principals(context, namespace, serviceAccount);
}

type Scope = Omit<WorkloadCaller, 'rules'>;

/** The workloads of this cluster that a subject of a Grant means. */
function workloadsOf(context: MeshContext, subject: SubjectMatcher): readonly Scope[] {
  if (subject.kind === 'spiffeId') {
    const parts = subject.id.slice('spiffe://'.length).split('/');
    const [domain, , namespace, , serviceAccount] = parts;
    if (!domain || !trustDomains(context).includes(domain)) return [];
    return namespace && serviceAccount ? [{ trustDomain: domain, namespace, serviceAccount }] : [];
  }
  const { name } = context.cluster;
  if (subject.kind !== 'workload' || !subject.clusters.has(name)) return [];
  const within = subject.namespaces?.get(name);
  if (subject.serviceAccounts) {
    return [...subject.serviceAccounts]
      .map((account) => account.split('/'))
      .map(([namespace = '', serviceAccount = '']) => ({ namespace, serviceAccount }))
      .filter(({ namespace }) => !subject.namespaces || within?.has(namespace));
  }
  if (!subject.namespaces) return [{}];
  return [...(within ?? [])].map((namespace) => ({ namespace }));
}

function isDenied(context: MeshContext, target: Target, scope: Scope): boolean {
  return context.policy.denies.some(
    (deny) =>
      deny.targets.has(target.id) &&
      deny.when.length === 0 &&
      deny.subjects.some((subject) => covers(context, subject, scope)),
  );
}

/** Whether the subject means every workload of the scope. */
function covers(context: MeshContext, subject: SubjectMatcher, scope: Scope): boolean {
  if (subject.kind === 'any') return subject.of === 'workload';
  const { name } = context.cluster;
  const { namespace, serviceAccount } = scope;
  if (subject.kind === 'spiffeId') {
    const only = trustDomains(context);
    return (
      only.length === 1 &&
      namespace !== undefined &&
      subject.id === `spiffe://${only[0]}/ns/${namespace}/sa/${serviceAccount}`
    );
  }
  if (subject.kind !== 'workload' || !subject.clusters.has(name)) return false;
  const within = subject.namespaces && [...(subject.namespaces.get(name) ?? [])];
  const spared = [...(subject.exceptNamespaces?.get(name) ?? [])];
  if (within && !within.some((one) => one === namespace)) return false;
  if (spared.length > 0 && (namespace === undefined || spared.includes(namespace))) return false;
  if (!subject.serviceAccounts) return true;
  return subject.serviceAccounts.has(`${namespace}/${serviceAccount}`);
}
