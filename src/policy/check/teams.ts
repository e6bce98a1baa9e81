// SPDX-License-Identifier: Apache-2.0
import type { Team } from '../policy.ts';
import { type CheckContext, reportOn, silent } from './context.ts';
import { teamMembers, teamWorkloads } from './subjects.ts';
import { workloadMatchers } from './workload-subject.ts';

/** Teams are judged as strictly as a Grant: any Grant may use them. */
export function checkTeams(context: CheckContext): ReadonlyMap<string, Team> {
  const teams = new Map<string, Team>();
  for (const document of context.documents.of('Team')) {
    const report = reportOn(document, context.found);
    const place = { context, report: silent, effect: 'allow' } as const;
    const team: Team = {
      rule: document.rule,
      name: document.name,
      members: teamMembers(document, context, 'allow', report),
      workloads: teamWorkloads(document, context, 'allow', report),
      entraClients: document.spec.workloads.flatMap((workload, index) => {
        const clientId = workload.entra?.clientId;
        if (clientId === undefined) return [];
        const matchers = workloadMatchers(workload, ['spec', 'workloads', index], place);
        return matchers.map((matcher) => ({ workload: matcher, clientId }));
      }),
    };
    if (!teams.has(team.name)) teams.set(team.name, team);
  }
  return teams;
}
