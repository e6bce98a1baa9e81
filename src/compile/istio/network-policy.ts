// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import { type Artifact, MANAGED_LABELS, Traced, type Value } from './artifact.ts';
import { callersOf } from './caller.ts';
import { type Database, databases } from './database.ts';
import {
  GATEWAY_LABELS,
  GATEWAY_NAME,
  type MeshContext,
  podPort,
  sortedUnique,
} from './mesh-context.ts';

/** ztunnel carries every connection between pods of an ambient mesh over this port. */
const HBONE_PORT = 15_008;
const LAST_PORT = 65_535;

/** What holds below the mesh, for pods without a sidecar too. */
export function networkPolicies(context: MeshContext): readonly Artifact[] {
  const confined = [...context.mesh.confinedNamespaces].sort();
  return [
    gatewayIngress(context),
    ...databases(context).map((database) => databaseIngress(context, database)),
    ...confined.map((namespace) => confinedEgress(context, namespace)),
  ];
}

/** Per port of the gateway the namespaces that hold somebody with a Grant; other ports stay open. */
function gatewayIngress(context: MeshContext): Artifact {
  const byPort = new Map<
    number,
    { namespaces: Set<string>; open: boolean; rules: RuleReference[] }
  >();
  for (const target of context.targets) {
    const port = podPort(target.expose.port);
    const entry = byPort.get(port) ?? { namespaces: new Set(), open: false, rules: [] };
    const { workloads, tokens } = callersOf(context, target);
    for (const { namespace, rules } of workloads) {
      if (namespace === undefined) entry.open = true;
      else entry.namespaces.add(namespace);
      entry.rules.push(...rules);
    }
    // Who shows a token may be anywhere.
    if (tokens.length > 0) entry.open = true;
    entry.rules.push(...tokens.map(({ rule }) => rule));
    byPort.set(port, entry);
  }
  const ports = sortedUnique(byPort.keys());
  const perPort = ports.flatMap((port): readonly Value[] => {
    const entry = byPort.get(port);
    if (!entry || (!entry.open && entry.namespaces.size === 0)) return [];
    const from = entry.open ? {} : { from: sortedUnique(entry.namespaces).map(inNamespace) };
    return [new Traced({ ...from, ports: [{ protocol: 'TCP', port }] }, entry.rules)];
  });
  const ingress = [...perPort, { ports: allBut(ports) }];
  const spec = {
    podSelector: { matchLabels: GATEWAY_LABELS },
    policyTypes: ['Ingress'],
    ingress,
  };
  return object(GATEWAY_NAME, context.gateway.namespace, [], spec);
}

/** Its port for Postern and the operators' namespaces; in an ambient mesh ztunnel brings them. */
function databaseIngress(context: MeshContext, { target, pods }: Database): Artifact {
  const { rule, namespace, labels, port, operators } = pods;
  const gatewayPods = {
    ...inNamespace(context.gateway.namespace),
    podSelector: { matchLabels: GATEWAY_LABELS },
  };
  const others = sortedUnique(operators.map((operator) => operator.split('/')[0] ?? ''));
  const from = [gatewayPods, ...others.map(inNamespace)];
  return object(`postern-${target.name}`, namespace, [rule], {
    podSelector: { matchLabels: labels },
    policyTypes: ['Ingress'],
    ingress: [
      new Traced({ from, ports: [{ protocol: 'TCP', port }] }, [rule]),
      // Replication, metrics and, in an ambient mesh, HBONE.
      { ports: allBut([port]) },
    ],
  });
}

function confinedEgress(context: MeshContext, namespace: string): Artifact {
  const { mesh, gateway, targets } = context;
  const ports = sortedUnique(targets.map(({ expose }) => podPort(expose.port)));
  const isAmbient = mesh.dataPlane === 'Ambient';
  const toGateway = isAmbient ? [HBONE_PORT] : ports;
  return object('postern-confined', namespace, [mesh.rule], {
    podSelector: {},
    policyTypes: ['Egress'],
    egress: [
      { to: [{ podSelector: {} }] },
      {
        to: [{ ...inNamespace(gateway.namespace), podSelector: { matchLabels: GATEWAY_LABELS } }],
        ports: toGateway.map((port) => ({ protocol: 'TCP', port })),
      },
      { to: [inNamespace('kube-system')], ports: [udp(53), { protocol: 'TCP', port: 53 }] },
      { to: [inNamespace('istio-system')] },
    ],
  });
}

const udp = (port: number): Value => ({ protocol: 'UDP', port });

/** The label every namespace has, put there by the API server itself. */
function inNamespace(name: string): { readonly [key: string]: Value } {
  return { namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': name } } };
}

/** Every port of TCP but these, and all of UDP: a list of what to keep cannot be known. */
function allBut(ports: readonly number[]): readonly Value[] {
  const ranges: Value[] = [];
  let from = 1;
  for (const port of [...ports, LAST_PORT + 1]) {
    const last = port - 1;
    if (from === last) ranges.push({ protocol: 'TCP', port: from });
    else if (from < last) ranges.push({ protocol: 'TCP', port: from, endPort: last });
    from = port + 1;
  }
  return [...ranges, { protocol: 'UDP', port: 1, endPort: LAST_PORT }];
}

function object(
  name: string,
  namespace: string,
  rules: readonly RuleReference[],
  spec: { readonly [key: string]: Value },
): Artifact {
  return {
    apiVersion: 'networking.k8s.io/v1',
    kind: 'NetworkPolicy',
    metadata: { name, namespace, labels: MANAGED_LABELS },
    rules,
    content: { spec },
  };
}
