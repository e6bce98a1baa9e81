// SPDX-License-Identifier: Apache-2.0
import {
  ADDRESS_FIELDS,
  type AuthorizationPolicy,
  type AuthorizationRule,
  type FieldSet,
  HTTP_FIELDS,
  IDENTITY_FIELDS,
  reachesPort,
  valuesOf,
} from '../manifest/authorization-policy.ts';
import { selectsWorkload } from '../manifest/database-workload.ts';
import { manifestName } from '../manifest/manifest.ts';
import type { Text } from '../manifest/node.ts';
import { type LintContext, workloadName } from './context.ts';
import { lintBypass } from './lint-bypass.ts';

/** More in one source are refused. */
const MOST_ACCOUNTS = 16;

export function lintAuthorization(context: LintContext): void {
  for (const policy of context.mesh.policies) {
    const object = manifestName(policy.manifest);
    const refuse = (text: Pick<Text, 'place'>, problem: string, suggestion: string) =>
      context.found.add('istio-refused', text.place, { object, problem, suggestion });
    if (policy.action !== 'ALLOW' && policy.rules.length === 0) {
      const problem = `a ${policy.action} without rules`;
      refuse(policy.manifest, problem, 'Add rules, or remove the object.');
    }
    for (const rule of policy.rules) {
      for (const source of rule.sources) lintSource(policy, source, context, refuse);
      if (policy.action === 'ALLOW') lintOpen(policy, rule, context);
      lintHttp(policy, rule, context);
    }
    lintBypass(policy, context);
  }
}

type Refuse = (text: Pick<Text, 'place'>, problem: string, suggestion: string) => void;

function lintSource(
  policy: AuthorizationPolicy,
  source: FieldSet,
  { found }: LintContext,
  refuse: Refuse,
): void {
  const object = manifestName(policy.manifest);
  const identities = valuesOf(source, IDENTITY_FIELDS);
  if (source.values.size === 0)
    refuse(source, 'an empty source', 'Remove it, or say who is meant.');
  if (policy.action === 'CUSTOM' && identities[0]) {
    const problem = `a CUSTOM policy cannot look at ${identities[0].field}`;
    refuse(
      identities[0],
      problem,
      'Match on ports alone, and decide about identity in the service.',
    );
  }
  for (const accounts of ['serviceAccounts', 'notServiceAccounts']) {
    const values = source.values.get(accounts) ?? [];
    const [first] = values;
    if (first && values.length > MOST_ACCOUNTS) {
      const problem = `${accounts} holds ${values.length} values, at most ${MOST_ACCOUNTS} are taken`;
      refuse(first, problem, 'Divide them over several "from" entries.');
    }
    if (first && (source.values.has('principals') || source.values.has('namespaces'))) {
      refuse(first, `${accounts} beside principals or namespaces`, 'Keep one of them.');
    }
  }
  for (const { value, field, place } of identities) {
    const star = value.indexOf('*');
    if (star > 0 && star < value.length - 1) {
      const problem = `the star inside ${value} is read as a character`;
      refuse({ place }, problem, 'A star stands at the start or the end only; name each account.');
    } else if (star >= 0 && /erviceAccounts$/.test(field)) {
      refuse({ place }, `${field} takes no wildcard`, 'Name each service account.');
    } else if (
      star >= 0 &&
      policy.action === 'ALLOW' &&
      !field.startsWith('not') &&
      !isRendered(policy)
    ) {
      found.add('istio-wildcard-principal', place, { object, value, who: admitted(value, field) });
    }
    if (/^(principals|serviceAccounts)$/.test(field) && /(^|\/)default$/.test(value)) {
      if (field === 'principals' || /^([^/]+\/)?default$/.test(value)) {
        found.add('istio-default-account', place, { object, value });
      }
    }
  }
}

/** What Postern renders says what the declaration does, which has findings of its own. */
function isRendered({ manifest }: AuthorizationPolicy): boolean {
  return manifest.labels.get('app.kubernetes.io/managed-by') === 'postern';
}

function admitted(value: string, field: string): string {
  if (field === 'requestPrincipals') return 'whoever has a token that matches so far';
  if (value === '*') return 'every workload that has a certificate of the mesh';
  if (field === 'namespaces') return 'every namespace that matches, also one that is made later';
  if (/\/sa\/\*$/.test(value)) return 'every service account of the namespace';
  return 'every workload that matches so far';
}

/** An ALLOW that no identity bounds. */
function lintOpen(
  policy: AuthorizationPolicy,
  rule: AuthorizationRule,
  { found, databases }: LintContext,
) {
  const object = manifestName(policy.manifest);
  const tests = rule.conditions.some(({ key }) =>
    /^(source\.(principal|namespace|serviceAccount)|request\.auth)/.test(key.value),
  );
  if (tests) return;
  for (const source of rule.sources) {
    const identities = valuesOf(source, IDENTITY_FIELDS);
    if (identities.some(({ field }) => !field.startsWith('not'))) continue;
    const fields = [
      ...new Set([...identities, ...valuesOf(source, ADDRESS_FIELDS)].map(({ field }) => field)),
    ];
    const [first] = identities;
    if (first) {
      found.add('istio-allow-by-exclusion', first.place, { object, fields: fields.join(', ') });
    }
  }
  if (rule.sources.length > 0) return;
  const onDatabase = databases.filter(
    (workload) => selectsWorkload(policy, workload) && reachesPort(rule, workload.port),
  );
  if (onDatabase.length > 0) found.add('istio-allow-everybody', rule.node.place, { object });
}

/** On a TCP chain an HTTP field is not false: it is dropped, and what is left of the rule counts. */
function lintHttp(
  policy: AuthorizationPolicy,
  rule: AuthorizationRule,
  context: LintContext,
): void {
  const object = manifestName(policy.manifest);
  const fields = httpFields(rule);
  const [first] = fields;
  if (!first) return;
  const names = [...new Set(fields.map(({ field }) => field))].join(', ');
  for (const workload of context.databases) {
    if (!selectsWorkload(policy, workload) || !reachesPort(rule, workload.port)) continue;
    const effect =
      policy.action === 'ALLOW'
        ? 'the rule is dropped, and nobody gets in by it'
        : 'sidecars drop them and the rest of the rule still matches, ztunnel may drop all of it';
    const facts = { object, fields: names, workload: workloadName(workload), effect };
    context.found.add('istio-http-field', first.place, facts);
  }
  const unbounded = rule.operations.some(({ values }) => !values.has('ports'));
  if (policy.action !== 'DENY' || !(unbounded || rule.operations.length === 0)) return;
  context.found.add('istio-deny-without-ports', first.place, { object, fields: names });
}

function httpFields(rule: AuthorizationRule): readonly (Text & { readonly field: string })[] {
  return [
    ...rule.operations.flatMap((one) => valuesOf(one, HTTP_FIELDS)),
    ...rule.sources.flatMap((one) => valuesOf(one, ['requestPrincipals', 'remoteIpBlocks'])),
    ...rule.conditions
      .filter(({ key }) => /^request\./.test(key.value))
      .map(({ key }) => ({ ...key, field: key.value })),
  ];
}
