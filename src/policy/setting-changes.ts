// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../model/decision.ts';
import type { Policy } from './policy.ts';
import { contentText } from './rule-content.ts';

/** Something about a rule other than who may do what. */
export interface SettingChange {
  readonly rule: RuleReference;
  /** `session`, `guardrails`, `bundle` and so on; absent: the rule itself came or went. */
  readonly field?: string;
  readonly before?: string;
  readonly after?: string;
}

interface Ruled {
  readonly rule: RuleReference;
}

/** Fields whose change is worth a reviewer's eye although it gives and takes no right. */
const FIELDS = {
  cluster: [
    ...['labels', 'trustDomain', 'trustDomainAliases', 'bundle', 'serviceAccountTokens'],
    'certificates',
  ],
  provider: ['preset', 'issuers', 'audiences', 'jwks', 'ca', 'sessionMaxMs', 'claims', 'makes'],
  target: ['enforcement', 'audit', 'expose', 'system'],
  role: ['guardrails'],
  grant: ['lease', 'session', 'serviceClass'],
  serviceClass: ['limits'],
} as const;

/** Changes of everything that restrains or vouches; in the order of kinds, then names. */
export function settingChanges(before: Policy, after: Policy): readonly SettingChange[] {
  const list = (policy: Policy) => [
    [FIELDS.cluster, [...policy.clusters.values()]] as const,
    [FIELDS.provider, [...policy.providers.values()]] as const,
    [FIELDS.target, [...policy.targets.values()]] as const,
    [FIELDS.role, [...policy.roles.values()].filter(({ builtIn }) => !builtIn)] as const,
    [FIELDS.grant, policy.grants] as const,
    [FIELDS.serviceClass, [...policy.serviceClasses.values()]] as const,
  ];
  const [old, now] = [list(before), list(after)];
  return old.flatMap(([fields, rules], kind) => changes(fields, rules, now[kind]?.[1] ?? []));
}

function changes(
  fields: readonly string[],
  before: readonly Ruled[],
  after: readonly Ruled[],
): readonly SettingChange[] {
  const old = new Map(before.map((one) => [one.rule.name, one]));
  const now = new Map(after.map((one) => [one.rule.name, one]));
  const names = [...new Set([...old.keys(), ...now.keys()])].sort();
  return names.flatMap((name): readonly SettingChange[] => {
    const [was, is] = [old.get(name), now.get(name)];
    if (was && is) return fields.flatMap((field) => fieldChange(field, was, is));
    // What a new or removed role or grant does is told as rights.
    const [one] = [is, was].filter((rule) => rule && !/^(DataRole|Grant)\//.test(rule.rule.name));
    if (!one) return [];
    return [{ rule: one.rule, ...(is ? { after: 'declared' } : { before: 'declared' }) }];
  });
}

function fieldChange(field: string, was: Ruled, is: Ruled): readonly SettingChange[] {
  const [before, after] = [was, is].map((one) =>
    contentText((one as unknown as Record<string, unknown>)[field] ?? null),
  );
  if (before === after || before === undefined || after === undefined) return [];
  return [{ rule: is.rule, field, before, after }];
}
