// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import type { SubjectMatcher, Target } from '../../policy/policy.ts';
import { subjectText } from '../../policy/subject-text.ts';
import { type Artifact, Traced, type Value } from './artifact.ts';
import { authorizationPolicy, matching } from './authorization-object.ts';
import { callerPrincipals, callersOf, type TokenCaller } from './caller.ts';
import {
  GATEWAY_LABELS,
  isSql,
  type MeshContext,
  podPort,
  principals,
  report,
  serviceHost,
  sortedUnique,
  trustDomains,
} from './mesh-context.ts';
import { tokenConditions } from './token-condition.ts';

/** Who may call which API, judged by the sidecar of Postern: workloads by principal, others by claims. */
export function httpPolicies(context: MeshContext): readonly Artifact[] {
  const targets = context.targets.filter((target) => !isSql(target));
  if (targets.length === 0) return [];
  const { namespace } = context.gateway;
  const ports = sortedUnique(targets.map(({ expose }) => String(podPort(expose.port))));
  const rules = targets.flatMap((target) => allowRules(context, target));
  // Whatever else the pods offer, such as metrics, is not theirs to close.
  const others = { to: [{ operation: { notPorts: ports } }] };
  const allow = authorizationPolicy('postern-http-allow', namespace, [], {
    selector: matching(GATEWAY_LABELS),
    action: 'ALLOW',
    rules: [...rules, others],
  });
  const denies = targets.flatMap((target) => denyRules(context, target));
  if (denies.length === 0) return [allow];
  const spec = { selector: matching(GATEWAY_LABELS), action: 'DENY', rules: denies };
  return [allow, authorizationPolicy('postern-http-deny', namespace, [], spec)];
}

function allowRules(context: MeshContext, target: Target): readonly Value[] {
  const to = operations(context, target);
  const { workloads, tokens } = callersOf(context, target);
  const byWorkload = workloads.map((caller) => {
    const from = [{ source: { principals: callerPrincipals(context, caller) } }];
    return new Traced({ from, to }, caller.rules);
  });
  const byToken = tokens.flatMap((caller) =>
    whenOf(context, caller).map((when) => new Traced({ to, when }, [caller.rule])),
  );
  return [...byWorkload, ...byToken];
}

/** Unlike a Grant's, these must not lose anybody: what cannot be said is left to the gateway. */
function denyRules(context: MeshContext, target: Target): readonly Value[] {
  const to = [{ operation: place(context, target) }];
  return context.policy.denies
    .filter(({ targets, when }) => targets.has(target.id) && when.length === 0)
    .flatMap(({ subjects, rule }) =>
      subjects.flatMap((subject) => {
        const source = deniedSource(context, subject);
        if (source) return [new Traced({ from: [{ source }], to }, [rule])];
        if (subject.kind === 'workload' || subject.kind === 'spiffeId') return [];
        if (subject.kind === 'any') return [];
        return whenOf(context, { subject, rule }).map((when) => new Traced({ to, when }, [rule]));
      }),
    );
}

/** Undefined: the subject is no workload of this cluster. */
function deniedSource(context: MeshContext, subject: SubjectMatcher): Value | undefined {
  const { name } = context.cluster;
  if (subject.kind === 'any') return subject.of === 'workload' ? { principals: ['*'] } : undefined;
  if (subject.kind === 'spiffeId') return { principals: [subject.id.slice('spiffe://'.length)] };
  if (subject.kind !== 'workload' || !subject.clusters.has(name)) return undefined;
  if (subject.serviceAccounts) {
    const all = sortedUnique(subject.serviceAccounts).flatMap((account) => {
      const [namespace = '', serviceAccount = ''] = account.split('/');
      return principals(context, namespace, serviceAccount);
    });
    return { principals: all };
  }
  const spared = subject.exceptNamespaces?.get(name);
  if (spared && spared.size > 0) {
    // By exclusion, which a plaintext caller meets too; STRICT is written with it.
    const kept = sortedUnique(spared).flatMap((one) => principals(context, one, '*'));
    return { notPrincipals: kept };
  }
  const within = subject.namespaces?.get(name);
  if (!subject.namespaces) return { principals: trustDomains(context).map((one) => `${one}/*`) };
  if (!within || within.size === 0) return undefined;
  return { principals: sortedUnique(within).flatMap((one) => principals(context, one, '*')) };
}

function whenOf(context: MeshContext, { subject, rule }: TokenCaller): readonly Value[] {
  if (!('provider' in subject)) return [];
  const provider = context.policy.providers.get(subject.provider);
  if (!provider) return [];
  const found = tokenConditions(subject, provider);
  if (!('problem' in found)) return found;
  const what = `${subjectText(subject)} cannot be told by the mesh: ${found.problem}`;
  refuse(context, rule, what, 'Name the subject in another way, or leave the API to the gateway.');
  return [];
}

function operations(context: MeshContext, target: Target): readonly Value[] {
  const at = place(context, target);
  const { system } = target;
  if (system.type === 'azureMl') {
    return [{ operation: { ...at, paths: ['/score'], methods: ['POST'] } }];
  }
  if (system.type !== 'http') return [{ operation: at }];
  const template = system.paths.find((path) => /[{}]/.test(path));
  if (template !== undefined) {
    const what = `The path ${template} would be read as a template by the mesh`;
    refuse(context, target.rule, what, 'Write it without braces, with one "*" at its end.');
  }
  return [{ operation: { ...at, paths: system.paths, methods: system.methods } }];
}

/** The port of the pods; where several APIs share it, also the names that tell this one from them. */
function place(context: MeshContext, target: Target): { readonly [field: string]: Value } {
  const port = podPort(target.expose.port);
  const ports = [String(port)];
  const isShared = context.targets.some(
    (other) => other.id !== target.id && !isSql(other) && podPort(other.expose.port) === port,
  );
  return isShared ? { hosts: authorities(context, target), ports } : { ports };
}

/** As callers may write the name of the Service, with and without a port. */
function authorities(context: MeshContext, target: Target): readonly string[] {
  const host = serviceHost(context, target);
  const [name = '', namespace = ''] = host.split('.');
  const names = [name, `${name}.${namespace}`, `${name}.${namespace}.svc`, host];
  return sortedUnique([...names, ...target.expose.hostnames].flatMap((one) => [one, `${one}:*`]));
}

function refuse(context: MeshContext, rule: RuleReference, what: string, suggestion: string): void {
  report(context, rule, 'mesh-unenforceable', { what, suggestion });
}
