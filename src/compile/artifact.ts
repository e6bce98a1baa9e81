// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../model/decision.ts';
import type { JsonObject } from './kube/object.ts';

/** One object that the declaration wants in a cluster, before it carries the marks of Postern. */
export interface Artifact {
  readonly apiVersion: string;
  readonly kind: string;
  /** Absent for kinds that belong to no namespace. */
  readonly namespace?: string;
  readonly name: string;
  /**
   * Everything but `apiVersion`, `kind`, name and namespace; labels and annotations of its own stand
   * in `metadata`. What the API server would fill in inside a list that it takes as a whole (such as
   * `protocol` of a NetworkPolicy's ports) is written out, or every plan would find it changed.
   */
  readonly body: JsonObject;
  /** What it stands for; never empty. */
  readonly sources: readonly RuleReference[];
}
