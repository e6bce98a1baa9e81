// SPDX-License-Identifier: Apache-2.0
import { databaseWorkloads } from '../manifest/database-workload.ts';
import { readManifests } from '../manifest/manifest.ts';
import { Mesh } from '../manifest/mesh.ts';
import { type Diagnostic, DiagnosticList } from '../policy/diagnostic.ts';
import type { Source } from '../policy/parse.ts';
import type { Policy } from '../policy/policy.ts';
import type { LintContext } from './context.ts';
import { lintAuthorization } from './lint-authorization.ts';
import { lintFields } from './lint-fields.ts';
import { lintNetwork } from './lint-network.ts';
import { lintSelection } from './lint-selection.ts';
import { lintServerFirst } from './lint-server-first.ts';
import { lintTokens } from './lint-tokens.ts';

/**
 * Kubernetes and Istio objects that somebody wrote: known traps, and what contradicts the
 * declaration. Only what the given objects show is judged; a cluster may hold more.
 */
export function lintMesh(sources: readonly Source[], policy?: Policy): readonly Diagnostic[] {
  const { manifests, faults } = readManifests(sources);
  const mesh = new Mesh(manifests);
  const found = new DiagnosticList();
  const databases = databaseWorkloads(mesh, policy);
  const context: LintContext = { mesh, databases, found, ...(policy && { policy }) };
  lintFields(context);
  lintServerFirst(context);
  lintAuthorization(context);
  lintSelection(context);
  lintTokens(context);
  lintNetwork(context);
  return [...faults, ...found.sorted()];
}
