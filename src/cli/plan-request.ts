// SPDX-License-Identifier: Apache-2.0
import type { PlanRequest } from '../app/plan-declaration.ts';
import type { Administrator } from '../app/target-connection.ts';
import { systemClock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import { diagnosticsText } from '../policy/diagnostic-text.ts';
import type { Policy, Target } from '../policy/policy.ts';
import {
  type AdministratorOptions,
  administratorOf,
  namesAdministrator,
} from './administrator-options.ts';
import { askedDeclaration } from './asking.ts';
import type { CommandContext } from './command.ts';
import { chosenLayers, clusterAccess, type LayerOptions } from './layer-options.ts';

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
  const { layers, leftOut, diagnostics } = chosenLayers(policy, options, context, nowMs);
  if (diagnostics.length > 0) context.err(diagnosticsText(diagnostics, sources));
  const faults = diagnostics.filter(({ severity }) => severity === 'error').length;
  if (faults > 0) throw new PosternError('policy-invalid', { count: faults });
  if (layers.clusters.length + layers.databases.length === 0) {
    const problem = 'No Cluster with a mesh and no MariaDB is declared, or left of it.';
    throw new PosternError('usage', { problem });
  }
  for (const { id, system } of leftOut) {
    context.err(
      `postern: ${id} is left out: of a ${system.type} no grants are planned or compared.`,
    );
  }
  const administrators = new Map<Target, Administrator>();
  for (const target of layers.databases) {
    if (who === 'reader' && readsAsReader(target, options, policy, context)) continue;
    administrators.set(target, administratorOf(target, options, policy, context));
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

/** An administrator who was named; else the declared reader; else one whose password is known. */
function readsAsReader(
  target: Target,
  options: AdministratorOptions,
  policy: Policy,
  { env }: CommandContext,
): boolean {
  if (namesAdministrator(target, options, policy)) return false;
  const declared = target.system.type === 'mariadb' && target.system.reader !== undefined;
  return declared || env['POSTERN_ADMIN_PASSWORD'] === undefined;
}
