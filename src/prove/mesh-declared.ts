// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../model/decision.ts';
import type { Policy, SubjectMatcher, Target } from '../policy/policy.ts';
import { rulesOnTarget } from '../policy/rules-on-target.ts';
import type { Declared } from './declared.ts';
import type { CallerAtom, CallerNames } from './mesh-callers.ts';
import type { MeshInput } from './mesh-input.ts';
import type { DeclaredAnswer } from './proof.ts';

/** The workloads and namespaces of a cluster that rules on these targets name. */
export function namedIn(
  policy: Policy,
  targets: readonly Target[],
  { context }: MeshInput,
): Pick<CallerNames, 'accounts' | 'namespaces'> {
  const { cluster, gateway, mesh } = context;
  const accounts = new Set<string>([`${gateway.namespace}/${gateway.serviceAccount}`]);
  const namespaces = new Set<string>(mesh.confinedNamespaces);
  const note = (subject: SubjectMatcher) => {
    if (subject.kind === 'spiffeId') {
      const [, , , , , namespace, , account] = subject.id.split('/');
      if (namespace && account) accounts.add(`${namespace}/${account}`);
    }
    if (subject.kind !== 'workload' || !subject.clusters.has(cluster.name)) return;
    for (const account of subject.serviceAccounts ?? []) accounts.add(account);
    for (const name of subject.namespaces?.get(cluster.name) ?? []) namespaces.add(name);
    for (const name of subject.exceptNamespaces?.get(cluster.name) ?? []) namespaces.add(name);
  };
  for (const { id, system } of targets) {
    const { grants, denies } = rulesOnTarget(policy, id);
    for (const { subjects } of [...grants, ...denies]) for (const one of subjects) note(one);
    if ('pods' in system) for (const one of system.pods?.operators ?? []) accounts.add(one);
  }
  return { accounts, namespaces };
}

export function grantedTo(declared: Declared, { principal }: CallerAtom): DeclaredAnswer {
  const steps = principal ? declared.rulesFor(principal).steps : [];
  return grantedBy(steps.flatMap(({ grants }) => grants.map(({ rule }) => rule)));
}

export function grantedBy(rules: readonly RuleReference[]): DeclaredAnswer {
  const names = rules.map(({ name }) => name).join(', ');
  return { effect: 'allow', text: `It is declared by ${names}.`, rules };
}

/** For a caller that comes through although nothing lets it. */
export function notGranted(declared: Declared, { principal, caller }: CallerAtom): DeclaredAnswer {
  if (caller.transport === 'plaintext') {
    const text = 'A caller without a certificate has no identity, and nothing is declared for it.';
    return { effect: 'deny', text, rules: [] };
  }
  if (!principal) {
    const text = 'The declaration knows no cluster that issues this name.';
    return { effect: 'deny', text, rules: [] };
  }
  const { steps } = declared.rulesFor(principal);
  const denies = steps.flatMap((step) => step.denies.map(({ rule }) => rule));
  if (denies.length === 0) return { effect: 'deny', text: 'No Grant names it.', rules: [] };
  const names = denies.map(({ name }) => name).join(', ');
  return { effect: 'deny', text: `It is kept out by ${names}.`, rules: denies };
}
