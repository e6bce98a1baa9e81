// SPDX-License-Identifier: Apache-2.0
import type { EntityJson } from '@cedar-policy/cedar-wasm/nodejs';
import type { Principal } from '../../src/model/principal.ts';
import type { DataObject } from '../../src/model/request.ts';
import type { Surroundings } from '../../src/policy/decide.ts';
import type {
  Condition,
  Deny,
  Grant,
  ObjectPattern,
  Policy,
  SubjectMatcher,
  TextPattern,
} from '../../src/policy/policy.ts';

/**
 * A Policy as Cedar text: principals are entities whose parents are groups, namespaces and
 * clusters, objects have their schema and target above them, `when` reads the context. Cedar
 * answers allow or deny for one action on one object, so reasons and limits are not compared.
 */
export function cedarText(policy: Policy): string {
  const permits = policy.grants.flatMap((grant) => permitTexts(policy, grant));
  return [...permits, ...policy.denies.flatMap(forbidTexts)].join('\n');
}

const quoted = (text: string) => JSON.stringify(text);

function permitTexts(policy: Policy, grant: Grant): readonly string[] {
  const texts: string[] = [];
  for (const target of grant.targets) {
    const role = policy.roles.get(grant.roles.get(target) ?? '');
    for (const subject of grant.subjects) {
      const who = subjectText(subject, 'grant');
      const when = [who, ...grant.when.map((one) => conditionText(one, false))];
      if (grant.expires !== undefined) {
        when.push(`context.now < ${datetime(grant.expires)}`);
      }
      const condition = when.join(' && ');
      const connect = `action == Action::"connect", resource == Target::${quoted(target)}`;
      texts.push(`permit(principal, ${connect}) when { ${condition} };`);
      for (const privilege of role?.privileges ?? []) {
        const objects: readonly ObjectPattern[] = privilege.as
          ? [{ type: 'table', ...privilege.as }]
          : privilege.objects;
        const actions = [...privilege.actions].map((action) => `Action::"${action}"`).join(', ');
        for (const object of objects) {
          const resource = resourceText(target, object);
          texts.push(
            `permit(principal, action in [${actions}], ${resource}) when { ${condition} };`,
          );
        }
      }
    }
  }
  return texts;
}

function forbidTexts(deny: Deny): readonly string[] {
  return [...deny.targets].flatMap((target) =>
    deny.subjects.map((subject) => {
      const conditions = [
        subjectText(subject, 'deny'),
        ...deny.when.map((one) => conditionText(one, true)),
      ];
      const resource = `resource in Target::${quoted(target)}`;
      return `forbid(principal, action, ${resource}) when { ${conditions.join(' && ')} };`;
    }),
  );
}

function resourceText(target: string, object: ObjectPattern): string {
  const schema = `${target}/${object.schema}`;
  // Tables and the schema's own actions hang below it; routines hang below the target only.
  if (object.type === 'schema') return `resource in Schema::${quoted(schema)}`;
  return `resource == ${object.type === 'table' ? 'Table' : 'Routine'}::${quoted(`${schema}/${object.name}`)}`;
}

function subjectText(subject: SubjectMatcher, side: 'grant' | 'deny', who = 'principal'): string {
  switch (subject.kind) {
    case 'workload': {
      const each = [...subject.clusters].map((cluster) => workloadText(subject, cluster, who));
      return `(${each.join(' || ')})`;
    }
    case 'spiffeId':
      return `(${who} is Workload && ${who}.spiffeId == ${quoted(subject.id)})`;
    case 'user':
      return `${who} == User::${quoted(`${subject.provider}/${subject.id}`)}`;
    case 'group':
      return `${who} in Group::${quoted(`${subject.provider}/${subject.id}`)}`;
    case 'appRole':
      return `${who} in AppRole::${quoted(`${subject.provider}/${subject.value}`)}`;
    case 'ci': {
      const fields = (['ownerId', 'repositoryId', 'repository', 'environment'] as const).flatMap(
        (field) => {
          const value = subject[field];
          return value === undefined ? [] : [`${who}.${field} == ${quoted(value)}`];
        },
      );
      const ref = subject.ref ? [patternText(subject.ref, `${who}.ref`)] : [];
      return `(${[`${who} is Ci`, ...fields, ...ref].join(' && ')})`;
    }
    case 'agent': {
      const itself = `${who} == Agent::${quoted(`${subject.provider}/${subject.client}`)}`;
      if (subject.onBehalfOf) {
        const person = subjectText(subject.onBehalfOf, side, `${who}.person`);
        return `(${itself} && ${who} has person && ${person})`;
      }
      return side === 'deny' ? itself : `(${itself} && !(${who} has person))`;
    }
    case 'any': {
      const type = { workload: 'Workload', user: 'User', ci: 'Ci', agent: 'Agent' }[subject.of];
      return `${who} is ${type}`;
    }
  }
}

function workloadText(
  subject: Extract<SubjectMatcher, { kind: 'workload' }>,
  cluster: string,
  who: string,
): string {
  const namespace = (name: string) => `${who} in Namespace::${quoted(`${cluster}/${name}`)}`;
  const any = (texts: readonly string[]) => `(${texts.length > 0 ? texts.join(' || ') : 'false'})`;
  const parts = [`${who} in Cluster::${quoted(cluster)}`];
  if (subject.namespaces) {
    parts.push(any([...(subject.namespaces.get(cluster) ?? [])].map(namespace)));
  }
  const spared = [...(subject.exceptNamespaces?.get(cluster) ?? [])];
  if (spared.length > 0) parts.push(`!${any(spared.map(namespace))}`);
  if (subject.serviceAccounts) {
    const accounts = [...subject.serviceAccounts].map(
      (name) => `${who} == Workload::${quoted(`${cluster}/${name}`)}`,
    );
    parts.push(any(accounts));
  }
  return `(${parts.join(' && ')})`;
}

/** `missing`: what a condition under `not` gives when its key is missing. */
function conditionText(condition: Condition, missing: boolean): string {
  switch (condition.key) {
    case 'time': {
      const at = 'context.now.toTime().toMinutes()';
      const after = `${at} >= ${condition.fromMinute}`;
      const before = `${at} < ${condition.toMinute}`;
      const joint = condition.fromMinute <= condition.toMinute ? '&&' : '||';
      return `(${after} ${joint} ${before})`;
    }
    case 'source.ip': {
      const inside = condition.cidrs.map((cidr) => `context.source.isInRange(ip("${cidr}"))`);
      return keyText('context has source', inside, condition.not, missing);
    }
    case 'text': {
      const key = /\[(.*)\]/.exec(condition.name)?.[1] ?? 'method';
      const field = condition.name.startsWith('target') ? `label_${key}` : key;
      const tests = condition.values.map((one) => patternText(one, `context.${field}`));
      return keyText(`context has ${field}`, tests, condition.not, missing);
    }
  }
}

function keyText(has: string, tests: readonly string[], not: boolean, missing: boolean): string {
  const any = `(${tests.join(' || ')})`;
  if (!not) return `(${has} && ${any})`;
  return missing ? `!(${has} && ${any})` : `(${has} && !${any})`;
}

function patternText(pattern: TextPattern, value: string): string {
  switch (pattern.match) {
    case 'exact':
      return `${value} == ${quoted(pattern.value)}`;
    case 'prefix':
      return `${value} like ${quoted(`${pattern.value}*`)}`;
    case 'suffix':
      return `${value} like ${quoted(`*${pattern.value}`)}`;
  }
}

function datetime(ms: number): string {
  return `datetime("${new Date(ms).toISOString()}")`;
}

export interface Uid {
  readonly type: string;
  readonly id: string;
}

const uid = (type: string, id: string): Uid => ({ type, id });

export function principalUid(principal: Principal): Uid {
  switch (principal.kind) {
    case 'workload': {
      const { cluster, namespace, serviceAccount } = principal;
      return uid('Workload', `${cluster}/${namespace}/${serviceAccount}`);
    }
    case 'user':
      return uid('User', `${principal.provider}/${principal.subject}`);
    case 'ci':
      return uid('Ci', principal.id);
    case 'agent':
      return uid('Agent', `${principal.provider}/${principal.client}`);
  }
}

/** The principal, the person it acts for, and everything above them. */
export function principalEntities(principal: Principal): readonly EntityJson[] {
  const person = principal.onBehalfOf;
  const attrs: EntityJson['attrs'] = {
    ...(person && { person: { __entity: principalUid(person) } }),
  };
  const above: EntityJson[] = person ? [...principalEntities(person)] : [];
  const parents: Uid[] = [];
  if (principal.kind === 'workload') {
    const cluster = uid('Cluster', principal.cluster);
    const namespace = uid('Namespace', `${principal.cluster}/${principal.namespace}`);
    parents.push(namespace);
    above.push({ uid: namespace, attrs: {}, parents: [cluster] });
    attrs['spiffeId'] = principal.spiffeId ?? '';
  } else if (principal.kind === 'ci') {
    const { ownerId = '', repositoryId = '', repository, environment = '', ref = '' } = principal;
    Object.assign(attrs, { ownerId, repositoryId, repository, environment, ref });
  } else {
    const { provider } = principal;
    for (const value of principal.appRoles) parents.push(uid('AppRole', `${provider}/${value}`));
    for (const id of principal.kind === 'user' ? principal.groups.ids : []) {
      parents.push(uid('Group', `${provider}/${id}`));
    }
  }
  return [...above, { uid: principalUid(principal), attrs, parents }];
}

export function objectUid(target: string, object: DataObject | undefined): Uid {
  if (!object) return uid('Target', target);
  const schema = `${target}/${object.schema}`;
  if (object.type === 'schema') return uid('Schema', schema);
  return uid(object.type === 'table' ? 'Table' : 'Routine', `${schema}/${object.name}`);
}

export function objectEntities(target: string, object: DataObject | undefined): EntityJson[] {
  const itself = objectUid(target, object);
  const root = uid('Target', target);
  if (!object) return [{ uid: root, attrs: {}, parents: [] }];
  const schema = uid('Schema', `${target}/${object.schema}`);
  const parent = object.type === 'table' ? schema : root;
  const entities: EntityJson[] = [{ uid: itself, attrs: {}, parents: [parent] }];
  if (object.type === 'table') entities.push({ uid: schema, attrs: {}, parents: [root] });
  return entities;
}

export function cedarContext(
  principal: Principal,
  labels: Readonly<Record<string, string>>,
  { now, sourceIp }: Surroundings,
) {
  const labelled = Object.entries(labels).map(([key, value]) => [`label_${key}`, value]);
  return {
    ...(principal.claims as Record<string, string>),
    ...(Object.fromEntries(labelled) as Record<string, string>),
    method: principal.method,
    now: { __extn: { fn: 'datetime', arg: new Date(now).toISOString() } },
    ...(sourceIp !== undefined && { source: { __extn: { fn: 'ip', arg: sourceIp } } }),
  };
}
