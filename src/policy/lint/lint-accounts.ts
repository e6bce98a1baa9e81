// SPDX-License-Identifier: Apache-2.0
import type { ShapedDocuments } from '../check/context.ts';
import type { DiagnosticList, Place } from '../diagnostic.ts';
import type { Policy } from '../policy.ts';
import { type Path, placeAt } from '../source-tree.ts';

interface Named {
  /** `namespace/name`. */
  readonly account: string;
  readonly place: Place;
  readonly owner: string;
}

/** A service account is an identity only as long as one workload has it. */
export function lintAccounts(
  policy: Policy,
  documents: ShapedDocuments,
  found: DiagnosticList,
): void {
  const teams = documents.of('Team').flatMap(({ spec, parsed, rule }) =>
    spec.workloads.flatMap(({ serviceAccounts = [] }, workload) =>
      serviceAccounts.map((account, index): Named => {
        const path: Path = ['spec', 'workloads', workload, 'serviceAccounts', index];
        return { account, place: placeAt(parsed.root, path), owner: rule.name };
      }),
    ),
  );
  for (const named of [...teams, ...ofGrants(documents)]) {
    if (!named.account.endsWith('/default')) continue;
    found.add('service-account-default', named.place, { account: named.account });
  }
  for (const [index, second] of teams.entries()) {
    const first = teams.slice(0, index).find((one) => isShared(one, second, policy));
    if (!first) continue;
    const { account, place, owner } = second;
    found.add('service-account-shared', place, { account, first: first.owner, second: owner });
  }
}

function ofGrants(documents: ShapedDocuments): readonly Named[] {
  return documents.of('Grant').flatMap(({ spec, parsed, rule }) =>
    spec.subjects.flatMap(({ workload, serviceAccount, spiffeId }, subject): readonly Named[] => {
      const at = (...rest: Path) => placeAt(parsed.root, ['spec', 'subjects', subject, ...rest]);
      const owner = rule.name;
      const [, ns, sa] = /\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(spiffeId ?? '') ?? [];
      const written = serviceAccount?.slice(serviceAccount.indexOf('/') + 1);
      return [
        ...(workload?.serviceAccounts ?? []).map((account, index) => ({
          account,
          place: at('workload', 'serviceAccounts', index),
          owner,
        })),
        ...(written === undefined
          ? []
          : [{ account: written, place: at('serviceAccount'), owner }]),
        ...(ns === undefined ? [] : [{ account: `${ns}/${sa}`, place: at('spiffeId'), owner }]),
      ];
    }),
  );
}

/** Two Teams of which some cluster has the same account. */
function isShared(first: Named, second: Named, { teams }: Policy): boolean {
  if (first.account !== second.account || first.owner === second.owner) return false;
  const [one, other] = [first, second].map(({ owner, account }) => {
    const workloads = teams.get(owner.slice('Team/'.length))?.workloads ?? [];
    return workloads.flatMap((matcher) =>
      matcher.kind === 'workload' && matcher.serviceAccounts?.has(account)
        ? [...matcher.clusters]
        : [],
    );
  });
  return (one ?? []).some((cluster) => other?.includes(cluster));
}
