// SPDX-License-Identifier: Apache-2.0
import type { DatabaseWorkload } from '../manifest/database-workload.ts';
import type { Mesh } from '../manifest/mesh.ts';
import type { DiagnosticList } from '../policy/diagnostic.ts';
import type { Policy } from '../policy/policy.ts';

/** What every rule about a mesh looks at. */
export interface LintContext {
  readonly mesh: Mesh;
  readonly databases: readonly DatabaseWorkload[];
  readonly policy?: Policy;
  readonly found: DiagnosticList;
}

export function workloadName({ namespace, name }: DatabaseWorkload): string {
  return `${namespace}/${name}`;
}
