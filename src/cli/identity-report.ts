// SPDX-License-Identifier: Apache-2.0
import type { Decision, RuleReference } from '../model/decision.ts';
import type { Principal } from '../model/principal.ts';
import { DecisionEngine, decideLogin } from '../policy/decide.ts';
import type { Policy } from '../policy/policy.ts';
import { anySubjectMatch } from '../policy/subject-match.ts';
import { printable } from './audit-text.ts';
import { table } from './table.ts';

/** What a declaration says about one verified principal, at one moment. */
export interface IdentityReport {
  readonly principal: Principal;
  /** Teams it certainly belongs to. */
  readonly teams: readonly string[];
  /** Teams that depend on a group its provider did not list. */
  readonly possibleTeams: readonly string[];
  /** Targets that any rule about it names. */
  readonly targets: readonly {
    readonly target: string;
    readonly login: Decision;
    readonly roles: readonly string[];
    readonly grants: readonly RuleReference[];
  }[];
}

export function identityReport(policy: Policy, principal: Principal, now: number): IdentityReport {
  const engine = new DecisionEngine(policy);
  const targets = [...policy.targets.keys()].sort().flatMap((target) => {
    const access = engine.access(principal, target, now);
    if (!access || (access.grants.length === 0 && access.denies.length === 0)) return [];
    const grants = access.grants.map((grant) => grant.rule);
    const login = decideLogin(access, { now });
    return [{ target, login, roles: access.roleIds, grants }];
  });
  const membership = [...policy.teams.values()].map((team) => {
    const subjects = [...team.members, ...team.workloads];
    return {
      team: team.name,
      match: anySubjectMatch(subjects, principal, 'grant', policy.clusters),
    };
  });
  const those = (match: string) =>
    membership.filter((one) => one.match === match).map(({ team }) => team);
  return { principal, teams: those('yes'), possibleTeams: those('unknown'), targets };
}

/** For `--json`: sets become lists, times become text. */
export function reportJson(report: IdentityReport): unknown {
  return {
    ok: true,
    ...report,
    principal: JSON.parse(
      JSON.stringify(
        { ...report.principal, expiresAt: new Date(report.principal.expiresAt).toISOString() },
        (_, value: unknown) => (value instanceof Set ? [...value] : value),
      ),
    ),
  };
}

export function reportText(report: IdentityReport, now: number): string {
  const { principal, targets } = report;
  const lines = [
    principal.id,
    fact('verified by', `${principal.verifiedBy} (${principal.method})`),
    fact('until', `${new Date(principal.expiresAt).toISOString()} (${remaining(principal, now)})`),
    ...kindFacts(principal),
    fact('teams', list(report.teams)),
    ...(report.possibleTeams.length > 0
      ? [fact('', `perhaps also ${list(report.possibleTeams)}: not every group was listed`)]
      : []),
  ];
  if (targets.length === 0)
    return [...lines, '', 'No rule of this declaration is about you.'].join('\n');
  const rows = targets.map(({ target, login, roles, grants }) => [
    target,
    login.effect,
    roles.map((role) => role.replace(/^.*[/#]/, '')).join(', ') || '-',
    login.effect === 'deny' ? login.detail : grants.map(ruleText).join(', '),
  ]);
  return [...lines, '', table(['TARGET', 'LOGIN', 'ROLES', 'BY'], rows)].map(eachLine).join('\n');
}

function kindFacts(principal: Principal): readonly string[] {
  switch (principal.kind) {
    case 'workload':
      return principal.spiffeId === undefined ? [] : [fact('spiffe id', principal.spiffeId)];
    case 'user': {
      const { groups, displayName } = principal;
      const known = list([...groups.ids]);
      return [
        ...(displayName === undefined ? [] : [fact('name', displayName)]),
        fact(
          'groups',
          groups.incomplete ? `${known}, and perhaps more that were not listed` : known,
        ),
        fact('app roles', list([...principal.appRoles])),
      ];
    }
    case 'ci':
      return [
        fact(
          'repository',
          `${principal.repository} (id ${principal.repositoryId ?? 'not stated'})`,
        ),
        fact('owner id', principal.ownerId ?? 'not stated'),
        fact('environment', principal.environment ?? '-'),
        fact('ref', principal.ref ?? '-'),
      ];
    case 'agent':
      return [fact('client', principal.client), fact('app roles', list([...principal.appRoles]))];
  }
}

const ruleText = (rule: RuleReference) =>
  `${rule.name} (${rule.position.file}:${rule.position.line})`;
const list = (values: readonly string[]) => values.join(', ') || '-';
const fact = (name: string, value: string) => printable(`  ${name.padEnd(12)} ${value}`);
const eachLine = (text: string) => text.split('\n').map(printable).join('\n');

function remaining(principal: Principal, now: number): string {
  const minutes = Math.floor((principal.expiresAt - now) / 60_000);
  if (minutes < 0) return 'over';
  return minutes < 120 ? `${minutes} min left` : `${Math.floor(minutes / 60)} h left`;
}
