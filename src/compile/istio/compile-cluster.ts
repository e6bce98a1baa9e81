// SPDX-License-Identifier: Apache-2.0
import { type Diagnostic, DiagnosticList } from '../../policy/diagnostic.ts';
import { type Cluster, POSTERN_TARGET_ID, type Policy, type Target } from '../../policy/policy.ts';
import type { Artifact } from './artifact.ts';
import { authorizationPolicies } from './authorization-policy.ts';
import { callersOf } from './caller.ts';
import { reportOpenDatabases } from './database.ts';
import { destinationRules } from './destination-rule.ts';
import { type Feature, missingFeature } from './feature.ts';
import { isSql, type MeshContext, report } from './mesh-context.ts';
import { networkPolicies } from './network-policy.ts';
import { peerAuthentications } from './peer-authentication.ts';
import { proxyConfigs } from './proxy-config.ts';
import { requestAuthentications } from './request-authentication.ts';
import { clusterAddress, services } from './service.ts';
import { serviceEntries } from './service-entry.ts';
import { sidecars } from './sidecar.ts';
import { telemetries } from './telemetry.ts';
import { virtualServices } from './virtual-service.ts';
import { waypoint } from './waypoint.ts';

export interface CompiledCluster {
  /** Empty when there is any error: half a mesh would be wider than none. */
  readonly artifacts: readonly Artifact[];
  readonly diagnostics: readonly Diagnostic[];
  /** Absent when Postern does not run in this cluster. */
  readonly context?: MeshContext;
}

/** Everything one cluster must hold under this policy. Pure and deterministic. */
export function compileCluster(policy: Policy, cluster: Cluster, nowMs: number): CompiledCluster {
  const found = new DiagnosticList();
  const context = contextOf(policy, cluster, nowMs, found);
  if (!context) return { artifacts: [], diagnostics: found.sorted() };
  reportUnsupported(context);
  reportOpenDatabases(context);
  const artifacts = artifactsFor(context);
  const diagnostics = found.sorted();
  return { artifacts: found.hasErrors ? [] : artifacts, diagnostics, context };
}

function contextOf(
  policy: Policy,
  cluster: Cluster,
  nowMs: number,
  found: DiagnosticList,
): MeshContext | undefined {
  const mesh = cluster.istio;
  if (!mesh) return undefined;
  if (!mesh.gateway) {
    found.add('mesh-gateway-missing', mesh.rule.position, { cluster: cluster.name });
    return undefined;
  }
  const base = { policy, cluster, mesh, gateway: mesh.gateway, targets: [], nowMs, found };
  const targets = [...policy.targets.values()]
    .filter((target) => target.id !== POSTERN_TARGET_ID && isServed(base, target))
    .sort((a, b) => (a.id < b.id ? -1 : 1));
  return { ...base, targets };
}

/** A target that nobody could reach from a cluster has no name there. */
function isServed(context: MeshContext, target: Target): boolean {
  const { workloads, tokens } = callersOf(context, target);
  return workloads.length > 0 || tokens.length > 0;
}

function artifactsFor(context: MeshContext): readonly Artifact[] {
  const always = [...services(context), ...networkPolicies(context)];
  switch (context.mesh.dataPlane) {
    case 'None':
      return always;
    case 'Ambient':
      return [
        ...always,
        waypoint(context),
        ...peerAuthentications(context),
        ...authorizationPolicies(context),
        ...serviceEntries(context),
      ];
    case 'Sidecar':
      return [
        ...always,
        ...peerAuthentications(context),
        ...authorizationPolicies(context),
        ...requestAuthentications(context),
        ...serviceEntries(context),
        ...destinationRules(context),
        ...virtualServices(context),
        ...sidecars(context),
        ...telemetries(context),
        ...proxyConfigs(context),
      ];
  }
}

/** What the declaration asks for and this data plane or minor would ignore, or widen. */
function reportUnsupported(context: MeshContext): void {
  const { mesh, targets } = context;
  if (mesh.dataPlane === 'None') return;
  require(context, 'mesh');
  if (mesh.dataPlane === 'Sidecar') {
    if (targets.some(isSql)) require(context, 'addressAllocation');
    return;
  }
  require(context, 'waypointBinding');
  const refuse = (rule: typeof mesh.rule, what: string, suggestion: string) =>
    report(context, rule, 'mesh-unenforceable', { what, suggestion });
  for (const target of targets.filter((one) => !isSql(one))) {
    const what = `ztunnel ignores paths, methods and tokens, and Target ${target.id} is an API`;
    refuse(target.rule, what, 'Serve it from a cluster with "dataPlane: Sidecar".');
  }
  if (mesh.confinedNamespaces.length > 0) {
    const what = 'ztunnel ignores Sidecar objects, which confinedNamespaces needs';
    refuse(mesh.rule, what, 'Remove confinedNamespaces; use a NetworkPolicy of your own.');
  }
  if (mesh.certificateTtlMs !== undefined) {
    const what = 'ztunnel asks for certificates itself and ignores certificateTtl';
    refuse(mesh.rule, what, 'Remove it, and set SECRET_TTL of the ztunnel DaemonSet.');
  }
  reportUntoldTargets(context);
}

/** The listener can be bound to the only target; with several the dialled address must tell. */
function reportUntoldTargets(context: MeshContext): void {
  const sql = context.targets.filter(isSql);
  if (sql.length < 2) return;
  for (const target of sql.filter((one) => clusterAddress(one) === undefined)) {
    report(context, target.rule, 'mesh-unenforceable', {
      what: `ztunnel tells which Target was dialled by address, and ${target.id} declares none`,
      suggestion: 'Add a free address of the Service network to "expose.hostnames".',
    });
  }
}

function require(context: MeshContext, feature: Feature): void {
  const { version, rule } = context.mesh;
  const problem = missingFeature(version, feature);
  if (problem) report(context, rule, 'mesh-version', { version, problem });
}
