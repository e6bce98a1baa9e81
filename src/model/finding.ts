// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from './decision.ts';

/**
 * Who puts it right. `apply`: Postern, because the thing is its own. `operator`: a person, because
 * it is somebody else's. `bootstrap`: what apply itself stands on. `wait`: time.
 */
export type RepairBy = 'apply' | 'operator' | 'bootstrap' | 'wait';

/** A table or routine and what may be done with it, as a DataRole names them. */
export interface DeclaredRight {
  readonly kind: 'tables' | 'routines';
  /** `schema.name` or `schema.*`. */
  readonly name: string;
  readonly action: string;
  readonly column?: string;
}

/** A change of one declared document. */
export type DeclarationEdit = {
  /** Named as rules are: kind/namespace/name. */
  readonly document: string;
} & (
  | { readonly change: 'append'; readonly path: readonly string[]; readonly value: string }
  | { readonly change: 'allow' | 'withdraw'; readonly rights: readonly DeclaredRight[] }
  | { readonly change: 'remove' }
);

/** What would have to be declared for a finding to be none; or why nothing can. */
export type Adoption =
  | { readonly edits: readonly DeclarationEdit[] }
  | { readonly impossible: string };

/** Something on a target or in a cluster that is not as declared. */
export interface Finding {
  readonly layer: 'database' | 'mesh';
  /** Id of the Target, or name of the Cluster. */
  readonly where: string;
  /** For programs; one code for one kind of difference. */
  readonly code: string;
  /** What differs, such as `role pr_x` or `AuthorizationPolicy shop/orders`. */
  readonly subject: string;
  readonly text: string;
  /** Who holds it or changed it, as far as that can be told: accounts, field managers. */
  readonly who: readonly string[];
  /** The declaration it departs from. */
  readonly rules: readonly RuleReference[];
  /** `declaration`: that is ahead, and `postern apply` is due. `drift`: somebody changed things. */
  readonly cause: 'declaration' | 'drift';
  readonly by: RepairBy;
  /** SQL statements, or commands of kubectl, that put it right. */
  readonly remedy: readonly string[];
  readonly adoption: Adoption;
}

/** Two findings are the same one exactly if their keys are. */
export function findingKey({ code, subject, text }: Finding): string {
  return JSON.stringify([code, subject, text]);
}
