// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import type { DiagnosticCode, DiagnosticFacts, DiagnosticList } from '../../policy/diagnostic.ts';
import type { Cluster, Mesh, Policy, Target } from '../../policy/policy.ts';

/** What every compiler of a kind sees: one cluster, its mesh, and the targets served there. */
export interface MeshContext {
  readonly policy: Policy;
  readonly cluster: Cluster;
  readonly mesh: Mesh;
  readonly gateway: NonNullable<Mesh['gateway']>;
  /** By id; without the built-in one. */
  readonly targets: readonly Target[];
  /** ms since the epoch: Grants that have expired by then are left out. */
  readonly nowMs: number;
  readonly found: DiagnosticList;
}

/** Selects the pods of Postern, in objects and in their own template. */
export const GATEWAY_LABELS = { 'app.kubernetes.io/name': 'postern' } as const;
export const GATEWAY_NAME = 'postern';
/** ztunnel hands connections over here, after a PROXY header that names the caller. */
export const PROXY_PORT = 15_088;

export type WireProtocol = 'mysql' | 'tds' | 'http';

export function protocolOf({ system }: Target): WireProtocol {
  if (system.type === 'mariadb' || system.type === 'mysql') return 'mysql';
  return system.type === 'azureSql' || system.type === 'synapse' ? 'tds' : 'http';
}

export const isSql = (target: Target): boolean => protocolOf(target) !== 'http';

/** The gateway is not root: ports below 1024 move up by 8000 inside its pod. */
export const podPort = (port: number): number => (port < 1024 ? port + 8000 : port);

export function serviceName({ expose, name }: Target): string {
  return expose.service ?? name;
}

/** Under which name callers in the mesh dial a target. */
export function serviceHost(context: MeshContext, target: Target): string {
  return `${serviceName(target)}.${context.gateway.namespace}.svc.cluster.local`;
}

/** Every name a certificate of this cluster may have in the place of the trust domain. */
export function trustDomains({ cluster }: MeshContext): readonly string[] {
  return [...new Set([cluster.trustDomain, ...cluster.trustDomainAliases])];
}

/** Principals in Istio's form, one per trust domain; `*` is every service account. */
export function principals(context: MeshContext, namespace: string, serviceAccount: string) {
  return trustDomains(context).map((domain) => `${domain}/ns/${namespace}/sa/${serviceAccount}`);
}

export function gatewayPrincipals(context: MeshContext): readonly string[] {
  return principals(context, context.gateway.namespace, context.gateway.serviceAccount);
}

export function report(
  context: MeshContext,
  rule: RuleReference,
  code: DiagnosticCode,
  facts: DiagnosticFacts,
): void {
  context.found.add(code, rule.position, { ...facts, cluster: context.cluster.name });
}

/** Sorted by code unit and each once: the same declaration gives the same text. */
export function sortedUnique<T extends string | number>(values: Iterable<T>): readonly T[] {
  return [...new Set(values)].sort((a, b) => (a < b ? -1 : Number(a > b)));
}
