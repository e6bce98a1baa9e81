// SPDX-License-Identifier: Apache-2.0
import { databaseScope } from '../../src/broker/installation.ts';
import { compileCluster } from '../../src/compile/istio/compile-cluster.ts';
import type { ObservedState } from '../../src/compile/sql/observed.ts';
import { checkSources } from '../../src/policy/check.ts';
import { diagnosticsText } from '../../src/policy/diagnostic-text.ts';
import type { Policy } from '../../src/policy/policy.ts';
import type { DatabaseInput } from '../../src/prove/database-input.ts';
import { declaredMesh } from '../../src/prove/declared-mesh.ts';
import { expectedState } from '../../src/prove/expected-database.ts';
import { EngineGateway, type Gateway } from '../../src/prove/gateway.ts';
import type { MeshObject } from '../../src/prove/mesh/mesh-facts.ts';
import type { MeshInput } from '../../src/prove/mesh-input.ts';
import type { CounterExample, Proof } from '../../src/prove/proof.ts';
import { type ProofInput, prove } from '../../src/prove/prove.ts';

export const PROOF_NOW_MS = Date.UTC(2026, 0, 15, 12);

/** Everything a proof looks at, to change before it does. */
export interface Planted {
  policy: Policy;
  gateway: Gateway;
  meshes: MeshInput[];
  databases: Map<string, DatabaseInput>;
}

export function checkedPolicy(text: string, nowMs = PROOF_NOW_MS): Policy {
  const sources = [{ path: 'policy.yaml', text }];
  const { policy, diagnostics } = checkSources(sources, { nowMs });
  if (!policy) throw new Error(diagnosticsText(diagnostics, sources));
  return policy;
}

/** The enforcers as the declaration makes them; `renderedAtMs` when the mesh was rendered. */
export function asDeclared(policy: Policy, renderedAtMs = PROOF_NOW_MS): Planted {
  const meshes = [...policy.clusters.values()].flatMap((cluster) => {
    const { context, artifacts, diagnostics } = compileCluster(policy, cluster, renderedAtMs);
    const errors = diagnostics.filter(({ severity }) => severity === 'error');
    if (errors.length > 0) throw new Error(diagnosticsText(errors, []));
    return context ? [declaredMesh(context, artifacts, new Set())] : [];
  });
  const servers = [...policy.targets.values()]
    .filter(({ system }) => system.type === 'mariadb')
    .map((target) => {
      const scope = databaseScope(policy, target);
      const observed = expectedState(scope);
      return [target.id, { source: 'live' as const, scope, observed }] as const;
    });
  return {
    policy,
    gateway: new EngineGateway(policy, PROOF_NOW_MS),
    meshes,
    databases: new Map(servers),
  };
}

export function proofOf(planted: Planted, more: Partial<ProofInput> = {}): Proof {
  return prove({ ...planted, nowMs: PROOF_NOW_MS, ...more });
}

type Json = Record<string, unknown>;

/** Changes one object of the mesh, named `Kind/namespace/name`; undefined: it is deleted. */
export function editObject(
  planted: Planted,
  id: string,
  change: ((object: Json & { metadata: Json; spec: Json }) => void) | undefined,
): void {
  planted.meshes = planted.meshes.map((mesh) => {
    const objects = mesh.objects.flatMap((one): MeshObject[] => {
      const { kind, metadata } = one.object;
      if ([kind, metadata.namespace, metadata.name].join('/') !== id) return [one];
      if (!change) return [];
      const object = structuredClone(one.object) as never;
      change(object);
      return [{ ...one, object }];
    });
    return { ...mesh, objects };
  });
}

/** Puts an object of somebody else's into the first mesh. */
export function addObject(planted: Planted, object: MeshObject['object']): void {
  const [first, ...others] = planted.meshes;
  if (!first) throw new Error('no mesh');
  const added = { object, rules: [], parts: new Map() };
  planted.meshes = [{ ...first, objects: [...first.objects, added] }, ...others];
}

export function editServer(
  planted: Planted,
  target: string,
  change: (state: ObservedState) => Partial<ObservedState>,
): void {
  const input = planted.databases.get(target);
  if (!input?.observed) throw new Error(`no server of ${target}`);
  const observed = { ...input.observed, ...change(input.observed) };
  planted.databases.set(target, { ...input, observed });
}

/** `exceeds mesh data/orders: workload/prod/x/* connect`. */
export function caseText(found: CounterExample): string {
  const { kind, layer, target, identity, action = 'connect', object } = found;
  return [`${kind} ${layer} ${target}: ${identity}`, action, ...(object ? [object] : [])].join(' ');
}
