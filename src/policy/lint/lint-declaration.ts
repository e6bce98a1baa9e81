// SPDX-License-Identifier: Apache-2.0
import type { ShapedDocuments } from '../check/context.ts';
import { type Diagnostic, DiagnosticList } from '../diagnostic.ts';
import type { Policy } from '../policy.ts';
import { lintAccounts } from './lint-accounts.ts';
import { lintAudiences } from './lint-audiences.ts';
import { lintDisplayNames } from './lint-display-names.ts';
import { lintIssuers } from './lint-issuers.ts';
import { lintUnused } from './lint-unused.ts';

/**
 * What is valid and still not what its author means: issuers and audiences that no token has,
 * service accounts that several share, names that contradict ids, what nothing uses. Findings only;
 * for a declaration without faults.
 */
export function lintDeclaration(policy: Policy, documents: ShapedDocuments): readonly Diagnostic[] {
  const found = new DiagnosticList();
  lintIssuers(documents, found);
  lintAudiences(documents, found);
  lintAccounts(policy, documents, found);
  lintDisplayNames(documents, found);
  lintUnused(policy, documents, found);
  return found.sorted();
}
