// SPDX-License-Identifier: Apache-2.0
import type { SubjectSpec } from '../document/subject.ts';
import type { SubjectMatcher } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { type Path, pathText } from '../source-tree.ts';
import {
  type CheckContext,
  type Effect,
  type Report,
  reportUnknown,
  type SubjectPlace,
  silent,
} from './context.ts';
import { soleKey } from './material.ts';
import { MEMBER_KEYS, memberMatchers } from './member-subject.ts';
import { serviceAccountMatchers, spiffeMatchers, workloadMatchers } from './workload-subject.ts';

const SUBJECT_KEYS = [
  ...MEMBER_KEYS,
  'team',
  'membersOf',
  'workloadsOf',
  'workload',
  'serviceAccount',
  'spiffeId',
  'any',
] as const;
/** The principals a subject means; empty when it means nobody, with a fault or finding. */
export function subjectMatchers(
  spec: SubjectSpec,
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  const key = soleKey(spec, SUBJECT_KEYS, path, place.report);
  if (key === undefined) return [];
  const at = [...path, key];
  if (spec.workload) return workloadMatchers(spec.workload, at, place);
  if (spec.serviceAccount) return serviceAccountMatchers(spec.serviceAccount, at, place);
  if (spec.spiffeId) return spiffeMatchers(spec.spiffeId, at, place);
  if (spec.any) return anyMatchers(spec.any, at, place);
  for (const list of ['team', 'membersOf', 'workloadsOf'] as const) {
    const team = spec[list];
    if (team !== undefined) return teamReference(team, list, at, place);
  }
  return memberMatchers(spec, path, place);
}

function anyMatchers(
  of: NonNullable<SubjectSpec['any']>,
  path: Path,
  { effect, report }: SubjectPlace,
): readonly SubjectMatcher[] {
  if (effect === 'deny') return [{ kind: 'any', of }];
  report(path, 'wildcard-refused', {
    where: pathText(path),
    problem: 'a Grant must name who it is for',
    suggestion: 'Name a group, a Team or workloads; "any" is for a Deny.',
  });
  return [];
}

function teamReference(
  name: string,
  key: 'team' | 'membersOf' | 'workloadsOf',
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  const { context, report, effect } = place;
  const teams = context.documents.of('Team');
  const team = teams.find((one) => one.name === name);
  if (team === undefined) {
    reportUnknown(
      context,
      report,
      path,
      'Team',
      name,
      teams.map((one) => one.name),
    );
    return [];
  }
  const members = key === 'workloadsOf' ? [] : teamMembers(team, context, effect, silent);
  const workloads = key === 'membersOf' ? [] : teamWorkloads(team, context, effect, silent);
  // An entry that selects nobody was reported where it stands.
  const lists = {
    membersOf: ['members'],
    workloadsOf: ['workloads'],
    team: ['members', 'workloads'],
  } as const;
  const named = lists[key];
  if (named.every((list) => team.spec[list].length === 0) && team.pruned.length === 0) {
    const problem = `the Team ${name} has no ${named.join(' and no ')}`;
    report(path, 'subject-selects-nothing', { problem });
  }
  return [...members, ...workloads];
}

export function teamMembers(
  team: ShapedDocument<'Team'>,
  context: CheckContext,
  effect: Effect,
  report: Report,
): readonly SubjectMatcher[] {
  return team.spec.members.flatMap((member, index) =>
    memberMatchers(member, ['spec', 'members', index], { context, report, effect }),
  );
}

export function teamWorkloads(
  team: ShapedDocument<'Team'>,
  context: CheckContext,
  effect: Effect,
  report: Report,
): readonly SubjectMatcher[] {
  return team.spec.workloads.flatMap((workload, index) =>
    workloadMatchers(workload, ['spec', 'workloads', index], { context, report, effect }),
  );
}
