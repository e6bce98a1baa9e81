// SPDX-License-Identifier: Apache-2.0
import { suggestion } from '../nearest.ts';
import type { Deny, Grant, ServiceClass, SubjectMatcher, Target } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { BUILT_IN_ROLE_NAMES, builtInRoleNames } from './built-in.ts';
import { readConditions } from './conditions.ts';
import { type CheckContext, type Effect, type Report, reportOn, reportUnknown } from './context.ts';
import { checkSelector, isEmptySelector, selectorMatches, selectorText } from './selector.ts';
import { subjectMatchers } from './subjects.ts';

type GrantDocument = ShapedDocument<'Grant'>;

export function checkServiceClasses(context: CheckContext): void {
  for (const { rule, name, spec } of context.documents.of('ServiceClass')) {
    const { connections, requestsPerSecond, rowsPerRequest, requestTimeout } = spec;
    const serviceClass: ServiceClass = {
      rule,
      name,
      limits: {
        ...(connections !== undefined && { connections }),
        ...(requestsPerSecond !== undefined && { requestsPerSecond }),
        ...(rowsPerRequest !== undefined && { rowsPerRequest }),
        ...(requestTimeout !== undefined && { requestTimeoutMs: requestTimeout }),
      },
    };
    if (!context.serviceClasses.has(name)) context.serviceClasses.set(name, serviceClass);
  }
}

export function checkGrants(context: CheckContext): readonly Grant[] {
  return context.documents.of('Grant').map((document) => readGrant(document, context));
}

function readGrant(document: GrantDocument, context: CheckContext): Grant {
  const { spec, rule, namespace } = document;
  const report = reportOn(document, context.found);
  const targets = grantTargets(document, context, report);
  const subjects = ruleSubjects(document, context, 'allow', report);
  const { expires, serviceClass } = spec;
  if (expires !== undefined && context.nowMs !== undefined && expires <= context.nowMs) {
    report(['spec', 'expires'], 'grant-expired', { expires: new Date(expires).toISOString() });
  }
  if (serviceClass !== undefined && !context.serviceClasses.has(serviceClass)) {
    const known = context.serviceClasses.keys();
    reportUnknown(context, report, ['spec', 'serviceClass'], 'ServiceClass', serviceClass, known);
  }
  return {
    rule,
    namespace,
    subjects,
    targets: new Set(targets.map((target) => target.id)),
    roles: grantRoles(document, targets, context, report),
    lease: { ttlMs: spec.lease.ttl },
    session: { maxDurationMs: spec.session.maxDuration },
    ...(expires !== undefined && { expires }),
    ...(serviceClass !== undefined && { serviceClass }),
    when: readConditions(spec.when, ['spec', 'when'], report),
  };
}

function grantTargets(
  { spec, namespace }: GrantDocument,
  context: CheckContext,
  report: Report,
): readonly Target[] {
  const path = ['spec', 'targetSelector'];
  checkSelector(spec.targetSelector, path, report);
  if (isEmptySelector(spec.targetSelector)) {
    report(path, 'wildcard-refused', {
      where: 'spec.targetSelector',
      problem: 'an empty selector means every Target, now and later',
      suggestion: 'Select by label: "matchLabels: {app: ...}".',
    });
    return [];
  }
  const own = [...context.targets.values()].filter((target) => target.namespace === namespace);
  const selected = own.filter((one) => selectorMatches(spec.targetSelector, one.labels, 'allow'));
  if (selected.length === 0 && !context.documents.hasFaulty('Target')) {
    const wanted = selectorText(spec.targetSelector);
    report(path, 'grant-selects-nothing', {
      problem: `no Target in namespace ${namespace} matches ${wanted}`,
      suggestion:
        own.length === 0
          ? 'A Grant lives in the namespace of its Target; correct metadata.namespace.'
          : `Targets there: ${own.map(targetText).join('; ')}.`,
    });
  }
  return selected;
}

function targetText(target: Target): string {
  const labels = Object.entries(target.labels).map(([key, value]) => `${key}=${value}`);
  return `${target.name} (${labels.length === 0 ? 'no labels' : labels.join(', ')})`;
}

/** The role per Target: the declared one of the namespace, or the Target's own built-in one. */
function grantRoles(
  { spec, namespace }: GrantDocument,
  targets: readonly Target[],
  context: CheckContext,
  report: Report,
): ReadonlyMap<string, string> {
  const roles = new Map<string, string>();
  const path = ['spec', 'role'];
  const declared = `${namespace}/${spec.role}`;
  for (const target of targets) {
    const builtIn = `${target.id}#${spec.role}`;
    const names = builtInRoleNames(target);
    const takesDataRoles = names.includes('reader');
    if (context.roles.has(builtIn)) roles.set(target.id, builtIn);
    else if (names.includes(spec.role)) {
      report(path, 'role-needs-schemas', { role: spec.role, target: target.id });
    } else if (takesDataRoles && context.roles.has(declared)) roles.set(target.id, declared);
    else if (!context.documents.isFaulty('DataRole', declared)) {
      const own = takesDataRoles ? declaredRoles(context, namespace) : [];
      const facts = { role: spec.role, target: target.id };
      const known = suggestion(spec.role, [...own, ...names], '');
      report(path, 'role-unknown', { ...facts, suggestion: known });
    }
  }
  if (targets.length === 0) checkRoleExists(spec.role, declared, namespace, context, report);
  return roles;
}

/** Without Targets the role can still be judged: a typing mistake should not wait for them. */
function checkRoleExists(
  role: string,
  declared: string,
  namespace: string,
  context: CheckContext,
  report: Report,
): void {
  if (BUILT_IN_ROLE_NAMES.has(role) || context.roles.has(declared)) return;
  const known = [...declaredRoles(context, namespace), ...BUILT_IN_ROLE_NAMES];
  reportUnknown(context, report, ['spec', 'role'], 'DataRole', declared, known);
}

function declaredRoles(context: CheckContext, namespace: string): readonly string[] {
  const documents = context.documents.of('DataRole');
  return documents.filter((one) => one.namespace === namespace).map((one) => one.name);
}

function ruleSubjects(
  document: ShapedDocument<'Grant'> | ShapedDocument<'Deny'>,
  context: CheckContext,
  effect: Effect,
  report: Report,
): readonly SubjectMatcher[] {
  const mark = context.found.count;
  const subjects = document.spec.subjects.flatMap((subject, index) =>
    subjectMatchers(subject, ['spec', 'subjects', index], { context, report, effect }),
  );
  // A subject with a fault selects nobody; saying so again would only bury the fault.
  const explained =
    context.found.hasErrorsSince(mark) ||
    document.pruned.length > 0 ||
    (['Cluster', 'Team', 'IdentityProvider'] as const).some((kind) =>
      context.documents.hasFaulty(kind),
    );
  if (subjects.length > 0 || explained) return subjects;
  const path = ['spec', 'subjects'];
  const problem = 'none of its subjects matches anybody';
  if (effect === 'deny') report(path, 'deny-selects-nothing', { problem });
  else {
    const remedy = 'Correct the subjects, or remove the Grant.';
    report(path, 'grant-selects-nothing', { problem, suggestion: remedy });
  }
  return subjects;
}

export function checkDenies(context: CheckContext): readonly Deny[] {
  return context.documents.of('Deny').map((document) => {
    const { spec, rule } = document;
    const report = reportOn(document, context.found);
    const path = ['spec', 'targets'];
    checkSelector(spec.targets, path, report);
    const targets = [...context.targets.values()].filter((target) =>
      selectorMatches(spec.targets, target.labels, 'deny'),
    );
    if (targets.length === 0 && !context.documents.hasFaulty('Target')) {
      const problem = `no Target matches ${selectorText(spec.targets)}`;
      report(path, 'deny-selects-nothing', { problem });
    }
    return {
      rule,
      subjects: ruleSubjects(document, context, 'deny', report),
      targets: new Set(targets.map((target) => target.id)),
      when: readConditions(spec.when, ['spec', 'when'], report),
    };
  });
}
