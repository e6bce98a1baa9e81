// SPDX-License-Identifier: Apache-2.0
import type { SubjectSpec } from '../document/subject.ts';
import type { SubjectMatcher } from '../policy.ts';
import { type Path, pathText } from '../source-tree.ts';
import type { SubjectPlace } from './context.ts';
import { readPattern } from './text-pattern.ts';

type CiSpec = NonNullable<SubjectSpec['ci']>;

const PLAIN_KEYS = ['ownerId', 'repositoryId', 'repository', 'environment'] as const;

/**
 * A CI subject. Names of owners and repositories can be freed and taken by somebody else, so one
 * of the immutable ids is required, also in a Deny that names a repository.
 */
export function ciMatchers(
  spec: CiSpec,
  path: Path,
  place: SubjectPlace,
  providerKnown: boolean,
): readonly SubjectMatcher[] {
  const { effect, report } = place;
  const bound = spec.ownerId !== undefined || spec.repositoryId !== undefined;
  if (!bound && (effect === 'allow' || spec.repository !== undefined)) report(path, 'ci-unbound');
  for (const key of PLAIN_KEYS) {
    if (!spec[key]?.includes('*')) continue;
    const at = [...path, key];
    report(at, 'wildcard-refused', {
      where: pathText(at),
      problem: `${spec[key]} has a wildcard, and it is compared as a whole`,
      suggestion: 'Name it in full; only "ref" may have a wildcard.',
    });
  }
  if (effect === 'allow' && spec.environment === undefined && spec.ref === undefined) {
    report(path, 'broad-subject', {
      problem: 'Every branch and every pull request of this repository or owner may use it',
      suggestion: 'Add "environment" or "ref".',
    });
  }
  const ref = spec.ref === undefined ? undefined : readPattern(spec.ref, [...path, 'ref'], report);
  if (!providerKnown) return [];
  const { provider, ownerId, repositoryId, repository, environment } = spec;
  return [
    {
      kind: 'ci',
      provider,
      ...(ownerId !== undefined && { ownerId }),
      ...(repositoryId !== undefined && { repositoryId }),
      ...(repository !== undefined && { repository }),
      ...(environment !== undefined && { environment }),
      ...(ref && { ref }),
    },
  ];
}
