// SPDX-License-Identifier: Apache-2.0
import { BlockList, isIPv6 } from 'node:net';
import type { DenialReason, Denied, Limits } from '../../src/model/decision.ts';
import type { Principal } from '../../src/model/principal.ts';
import type { Need } from '../../src/model/request.ts';
import type { RequestQuestion, Surroundings } from '../../src/policy/decide.ts';
import type {
  Condition,
  DataRole,
  Deny,
  Grant,
  Policy,
  SubjectMatcher,
  Target,
  TextPattern,
} from '../../src/policy/policy.ts';

/**
 * The semantics of the declaration written down a second time, as plainly as possible: every rule
 * is looked at for every request, nothing is indexed or kept, and no code is shared with
 * `src/policy`. Slow, and meant to be read beside the text.
 */
export interface NaiveAnswer {
  readonly effect: 'allow' | 'deny';
  readonly reason?: DenialReason;
  /** Grants that allow it, by name, sorted. */
  readonly rules: readonly string[];
  readonly limits: Limits;
}

type Answer3 = 'yes' | 'no' | 'maybe';

interface Case {
  readonly policy: Policy;
  readonly target: Target;
  readonly principal: Principal;
  readonly question: RequestQuestion;
  readonly surroundings: Surroundings;
}

/** `undefined` as question: may it connect? */
export function naiveDecide(
  policy: Policy,
  principal: Principal,
  targetId: string,
  question: RequestQuestion | undefined,
  surroundings: Surroundings,
): NaiveAnswer {
  const target = policy.targets.get(targetId);
  if (!target) throw new Error(`no target ${targetId}`);
  const features = {
    hasWhere: false,
    localInfile: false,
    multiStatement: false,
    mayHoldCredentials: false,
  };
  const asked = question ?? { kind: 'empty', needs: [], features };
  const answers: NaiveAnswer[] = [];
  for (let who: Principal | undefined = principal; who; who = who.onBehalfOf) {
    answers.push(decideOne({ policy, target, principal: who, question: asked, surroundings }));
  }
  const denial = answers.find((answer) => answer.effect === 'deny');
  if (denial && target.enforcement === 'Observe') {
    return {
      effect: 'allow',
      rules: [target.rule.name],
      limits: {},
      reason: denial.reason as never,
    };
  }
  return (
    denial ?? {
      effect: 'allow',
      rules: answers.flatMap((answer) => answer.rules).sort(),
      limits: strictest(answers.map((answer) => answer.limits)),
    }
  );
}

function decideOne(one: Case): NaiveAnswer {
  const { policy, target, principal, question } = one;
  const no = (reason: Denied['reason']): NaiveAnswer => ({
    effect: 'deny',
    reason,
    rules: [],
    limits: {},
  });
  const denies = policy.denies
    .filter((deny) => deny.targets.has(target.id))
    .filter((deny) => deny.when.every((condition) => conditionHolds(one, condition, 'deny')))
    .map((deny: Deny) => anySubject(deny.subjects, principal, 'deny', policy));
  if (denies.includes('yes')) return no('denied-by-rule');
  if (denies.includes('maybe')) return no('groups-unknown');

  const here = policy.grants.filter((grant) => grant.targets.has(target.id));
  const sure = here.filter(
    (grant) => anySubject(grant.subjects, principal, 'grant', policy) === 'yes',
  );
  const maybe = here.filter(
    (grant) => anySubject(grant.subjects, principal, 'grant', policy) === 'maybe',
  );
  const given = (grant: Grant, need: Need | undefined) =>
    need === undefined || gives(roleOf(one, grant), need);
  const alive = (grant: Grant) =>
    grant.expires === undefined || one.surroundings.now < grant.expires;
  const met = (grant: Grant) =>
    grant.when.every((condition) => conditionHolds(one, condition, 'grant'));

  const needs: (Need | undefined)[] = question.needs.length > 0 ? [...question.needs] : [undefined];
  const allowing = new Set<Grant>();
  const obstacles: DenialReason[] = [];
  for (const need of needs) {
    const covering = sure.filter((grant) => given(grant, need) && alive(grant) && met(grant));
    for (const grant of covering) allowing.add(grant);
    if (covering.length > 0) continue;
    if (sure.some((grant) => given(grant, need) && alive(grant)))
      obstacles.push('condition-not-met');
    else if (sure.some((grant) => given(grant, need))) obstacles.push('grant-expired');
    else if (maybe.some((grant) => given(grant, need) && alive(grant) && met(grant))) {
      obstacles.push('groups-unknown');
    } else obstacles.push(sure.length > 0 ? 'not-permitted' : 'no-grant');
  }
  const hardestFirst: DenialReason[] = [
    'no-grant',
    'not-permitted',
    'groups-unknown',
    'grant-expired',
    'condition-not-met',
  ];
  const hardest = hardestFirst.find((reason) => obstacles.includes(reason));
  if (hardest) return no(hardest);
  const guard = guardrail(
    question,
    [...allowing].map((grant) => roleOf(one, grant)),
  );
  if (guard) return no(guard);
  const classes = [...allowing].flatMap(({ serviceClass }) => serviceClass ?? []);
  return {
    effect: 'allow',
    rules: [...allowing].map((grant) => grant.rule.name).sort(),
    limits: strictest(classes.map((name) => policy.serviceClasses.get(name)?.limits ?? {})),
  };
}

function roleOf({ policy, target }: Case, grant: Grant): DataRole {
  const role = policy.roles.get(grant.roles.get(target.id) ?? '');
  if (!role) throw new Error('a grant without role');
  return role;
}

function gives(role: DataRole, { action, object }: Need): boolean {
  return role.privileges.some((privilege) => {
    if (!privilege.actions.has(action)) return false;
    if (privilege.as) {
      const { schema, name } = privilege.as;
      return object.type === 'table' && object.schema === schema && object.name === name;
    }
    return privilege.objects.some((pattern) => {
      if (pattern.schema !== object.schema) return false;
      if (pattern.type === 'schema') return object.type !== 'routine';
      return object.type === pattern.type && object.name === pattern.name;
    });
  });
}

function guardrail(
  question: RequestQuestion,
  roles: readonly DataRole[],
): DenialReason | undefined {
  const { kind, features, needs } = question;
  if (features.multiStatement && roles.some((one) => one.guardrails.multiStatement === 'Deny')) {
    return 'multi-statement';
  }
  if (features.localInfile && roles.some((one) => one.guardrails.localInfile === 'Deny')) {
    return 'local-infile';
  }
  for (const action of ['update', 'delete'] as const) {
    if (!roles.some((one) => one.guardrails.requireWhere.has(action))) continue;
    const mixed = features.multiStatement || kind === 'other' || kind === 'compound';
    const wraps = mixed || ['explain', 'prepare', 'execute'].includes(kind);
    const does = kind === action || (wraps && needs.some((need) => need.action === action));
    if (does && (mixed || !features.hasWhere)) return 'require-where';
  }
  return undefined;
}

function strictest(all: readonly Limits[]): Limits {
  const names = ['connections', 'requestsPerSecond', 'rowsPerRequest', 'requestTimeoutMs'] as const;
  return Object.fromEntries(
    names
      .map((name) => [name, Math.min(...all.map((one) => one[name] ?? Infinity))] as const)
      .filter(([, value]) => value !== Infinity),
  );
}

function anySubject(
  subjects: readonly SubjectMatcher[],
  principal: Principal,
  side: 'grant' | 'deny',
  policy: Policy,
): Answer3 {
  const answers = subjects.map((subject) => oneSubject(subject, principal, side, policy));
  if (answers.includes('yes')) return 'yes';
  return answers.includes('maybe') ? 'maybe' : 'no';
}

function oneSubject(
  subject: SubjectMatcher,
  who: Principal,
  side: 'grant' | 'deny',
  policy: Policy,
): Answer3 {
  const yes = (holds: boolean): Answer3 => (holds ? 'yes' : 'no');
  const { kind } = subject;
  if (kind === 'any') return yes(side === 'deny' && subject.of === who.kind);
  if (kind === 'workload') {
    if (who.kind !== 'workload') return 'no';
    const listed = subject.namespaces;
    const spared = subject.exceptNamespaces?.get(who.cluster)?.has(who.namespace) ?? false;
    const accounts = subject.serviceAccounts;
    return yes(
      subject.clusters.has(who.cluster) &&
        (!listed || (listed.get(who.cluster)?.has(who.namespace) ?? false)) &&
        !spared &&
        (!accounts || accounts.has(`${who.namespace}/${who.serviceAccount}`)),
    );
  }
  if (kind === 'spiffeId') {
    if (who.kind !== 'workload') return 'no';
    const domain = policy.clusters.get(who.cluster)?.trustDomain;
    const would = `spiffe://${domain}/ns/${who.namespace}/sa/${who.serviceAccount}`;
    return yes(who.spiffeId === subject.id || (side === 'deny' && would === subject.id));
  }
  if (kind === 'ci') {
    if (who.kind !== 'ci') return 'no';
    const same = (
      ['provider', 'ownerId', 'repositoryId', 'repository', 'environment'] as const
    ).every((field) => subject[field] === undefined || subject[field] === who[field]);
    return yes(same && (!subject.ref || (who.ref !== undefined && fits(subject.ref, who.ref))));
  }
  if (kind === 'agent') {
    if (who.kind !== 'agent') return 'no';
    if (who.provider !== subject.provider || who.client !== subject.client) return 'no';
    if (subject.onBehalfOf) {
      return who.onBehalfOf ? oneSubject(subject.onBehalfOf, who.onBehalfOf, side, policy) : 'no';
    }
    return yes(side === 'deny' || !who.onBehalfOf);
  }
  if (who.kind === 'workload' || who.kind === 'ci' || who.provider !== subject.provider)
    return 'no';
  if (kind === 'appRole') return yes(who.appRoles.has(subject.value));
  if (who.kind !== 'user') return 'no';
  if (kind === 'user') return yes(who.subject === subject.id);
  if (who.groups.ids.has(subject.id)) return 'yes';
  return who.groups.incomplete ? 'maybe' : 'no';
}

function fits(pattern: TextPattern, value: string): boolean {
  const text = pattern.value.replace(/[^a-z0-9]/gi, (sign) => `\\${sign}`);
  const source = { exact: `^${text}$`, prefix: `^${text}`, suffix: `${text}$` }[pattern.match];
  return new RegExp(source).test(value);
}

function conditionHolds(one: Case, condition: Condition, side: 'grant' | 'deny'): boolean {
  const { principal, target, surroundings } = one;
  if (condition.key === 'time') return windowHolds(condition, surroundings.now);
  let matches: boolean | undefined;
  if (condition.key === 'source.ip') {
    const { sourceIp } = surroundings;
    if (sourceIp !== undefined) {
      const list = new BlockList();
      for (const cidr of condition.cidrs) {
        const [address = '', length] = cidr.split('/');
        list.addSubnet(address, Number(length), isIPv6(address) ? 'ipv6' : 'ipv4');
      }
      matches = list.check(sourceIp, isIPv6(sourceIp) ? 'ipv6' : 'ipv4');
    }
  } else {
    const key = /\[(.*)\]/.exec(condition.name)?.[1] ?? '';
    const value = condition.name.startsWith('claim')
      ? principal.claims[key]
      : condition.name.startsWith('target')
        ? target.labels[key]
        : principal.method;
    const values = value === undefined ? [] : [value].flat();
    if (values.length > 0) {
      matches = values.some((text) => condition.values.some((pattern) => fits(pattern, text)));
    }
  }
  if (matches === undefined) return condition.not && side === 'deny';
  return condition.not ? !matches : matches;
}

function windowHolds(condition: Extract<Condition, { key: 'time' }>, now: number): boolean {
  const text = new Date(now).toLocaleString('sv-SE', { timeZone: condition.zone });
  const [date = '', clock = ''] = text.split(' ');
  const [hour = 0, minute = 0] = clock.split(':').map(Number);
  const at = hour * 60 + minute;
  const weekday = new Date(`${date}T00:00:00Z`).getUTCDay();
  const allowed = (day: number) => !condition.days || condition.days.has((day + 7) % 7);
  const { fromMinute: from, toMinute: to } = condition;
  if (from < to) return at >= from && at < to && allowed(weekday);
  return (at >= from && allowed(weekday)) || (at < to && allowed(weekday - 1));
}
