// SPDX-License-Identifier: Apache-2.0
import type { DatabasePods, Target } from '../../policy/policy.ts';
import { gatewayPrincipals, type MeshContext, principals, report } from './mesh-context.ts';

/** A database whose pods are in this cluster. */
export interface Database {
  readonly target: Target;
  readonly pods: DatabasePods;
}

/** In the order of targets; pods that two Targets share are the business of the first. */
export function databases({ policy, cluster }: MeshContext): readonly Database[] {
  const found = new Map<string, Database>();
  for (const target of policy.targets.values()) {
    if (!('pods' in target.system) || target.system.pods?.cluster !== cluster.name) continue;
    const { pods } = target.system;
    const key = JSON.stringify([pods.namespace, Object.entries(pods.labels).sort(), pods.port]);
    const other = found.get(key);
    const operators = [...(other?.pods.operators ?? []), ...pods.operators];
    found.set(key, { target: other?.target ?? target, pods: { ...pods, operators } });
  }
  return [...found.values()];
}

/** Who may reach the port: Postern and the operators, nobody else whatever they are granted. */
export function admitted(context: MeshContext, { operators }: DatabasePods): readonly string[] {
  const others = [...new Set(operators)].sort().flatMap((operator) => {
    const [namespace = '', name = ''] = operator.split('/');
    return principals(context, namespace, name);
  });
  return [...gatewayPrincipals(context), ...others];
}

/** A database inside the cluster that nothing but Postern's own check keeps others from. */
export function reportOpenDatabases(context: MeshContext): void {
  for (const target of context.targets) {
    if (!('endpoints' in target.system) || target.system.pods) continue;
    const inside = target.system.endpoints.find(({ host }) => /\.svc(\.|$)/.test(host));
    if (!inside) continue;
    report(context, target.rule, 'mesh-database-open', { target: target.id, host: inside.host });
  }
}
