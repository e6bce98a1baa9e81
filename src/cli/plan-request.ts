// SPDX-License-Identifier: Apache-2.0
import type { PlanRequest } from '../app/plan-declaration.ts';
import type { Administrator } from '../app/target-connection.ts';
import { isSql } from '../compile/istio/mesh-context.ts';
import { systemClock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import { diagnosticsText } from '../policy/diagnostic-text.ts';
import type { Target } from '../policy/policy.ts';
import { type AdministratorOptions, administratorOf, lookerAt } from './administrator-options.ts';
import { askedDeclaration } from './asking.ts';
import type { CommandContext } from './command.ts';
import { clusterAccess, type LayerOptions, soundLayers } from './layer-options.ts';

export interface PlanOptions extends LayerOptions, AdministratorOptions {
  readonly json?: boolean;
}

/**
 * Reads and checks the declaration, and finds its layers. Faults and warnings are printed. Throws
 * `policy-invalid` or `usage`. `who` logs in to the databases: to look, or to change.
 */
export async function planRequest(
  paths: readonly string[],
  options: PlanOptions,
  who: 'reader' | 'administrator',
  context: CommandContext,
): Promise<PlanRequest> {
  const nowMs = systemClock.now();
  const declaration = await askedDeclaration({ policy: paths }, context);
  const { policy, sources } = declaration;
  const { layers, leftOut, diagnostics } = soundLayers(declaration, options, context, nowMs);
  if (diagnostics.length > 0) context.err(diagnosticsText(diagnostics, sources));
  if (layers.clusters.length + layers.databases.length === 0) {
    const problem = 'No Cluster with a mesh and no MariaDB is declared, or left of it.';
    throw new PosternError('usage', { problem });
  }
  for (const target of leftOut) {
    const why = isSql(target)
      ? `of a ${target.system.type} no grants are planned or compared.`
      : 'it is no database; what the mesh holds of it belongs to its Cluster.';
    context.err(`postern: ${target.id} is left out: ${why}`);
  }
  const administrators = new Map<Target, Administrator>();
  for (const target of layers.databases) {
    const administrator =
      who === 'reader'
        ? lookerAt(target, options, policy, context)
        : administratorOf(target, options, policy, context);
    if (administrator) administrators.set(target, administrator);
  }
  return {
    declaration,
    layers,
    access: {
      clusters: clusterAccess(policy, options, context),
      administrator: (target) => administrators.get(target),
    },
    nowMs,
    cwd: context.cwd,
  };
}
