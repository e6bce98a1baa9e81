// SPDX-License-Identifier: Apache-2.0
import { type Answer, every, isUnknown, not, some, unknown } from './answer.ts';
import type {
  AttributeTest,
  AuthorizationPolicy,
  AuthorizationRule,
} from './authorization-policy.ts';
import { inBlock, isPort, type ResolvedCall } from './resolved-call.ts';
import { matchesText } from './text-pattern.ts';

/** What istiod can tell ztunnel about; everything else is left out of the rule. */
const SOURCES = new Set([
  'source.principal',
  'source.namespace',
  'source.serviceAccount',
  'source.ip',
]);
const OPERATIONS = new Set(['destination.port']);
const CONDITIONS = new Set([
  'source.ip',
  'source.namespace',
  'source.principal',
  'destination.ip',
  'destination.port',
]);

/**
 * Whether a rule matches at ztunnel. An ALLOW rule with anything of HTTP never does. In a DENY the
 * part of HTTP is left out, and a source, operation or condition of which nothing is left matches
 * nothing: mixed with other fields it widens, alone it makes the whole rule idle.
 */
export function ztunnelMatches(
  rule: AuthorizationRule,
  policy: AuthorizationPolicy,
  call: ResolvedCall,
): Answer {
  if (rule.strange !== undefined) return unknown('field-unknown', rule.strange);
  const isBeyond =
    rule.sources.flat().some(({ key }) => !SOURCES.has(key)) ||
    rule.operations.flat().some(({ key }) => !OPERATIONS.has(key)) ||
    rule.conditions.some(({ key }) => !CONDITIONS.has(key));
  if (policy.action === 'ALLOW' && isBeyond) return false;
  const clause = (groups: readonly (readonly AttributeTest[])[], known: ReadonlySet<string>) =>
    groups.length === 0 ||
    some(groups, (tests) => {
      const kept = tests.filter(({ key }) => known.has(key));
      return kept.length > 0 && every(kept, (test) => testHolds(test, policy, call));
    });
  return every(
    [
      clause(rule.sources, SOURCES),
      clause(rule.operations, OPERATIONS),
      every(rule.conditions, (test) => clause([[test]], CONDITIONS)),
    ],
    (answer) => answer,
  );
}

function testHolds(
  { key, values, notValues }: AttributeTest,
  policy: AuthorizationPolicy,
  call: ResolvedCall,
): Answer {
  const matches = (value: string) => valueMatches(key, value, policy, call);
  return every(
    [values.length === 0 || some(values, matches), not(some(notValues, matches))],
    (answer) => answer,
  );
}

/** Names are compared as they are: aliases of the trust domain mean nothing to ztunnel. */
function valueMatches(
  key: string,
  value: string,
  policy: AuthorizationPolicy,
  call: ResolvedCall,
): Answer {
  const { principal, destination } = call;
  if (key === 'destination.port') return isPort(value, destination.port);
  if (key === 'source.ip') return inBlock(value, call.address);
  if (key === 'destination.ip') {
    return inBlock(value, destination.address ?? unknown('destination-unknown', 'its address'));
  }
  if (principal === undefined) return false;
  if (isUnknown(principal)) return principal;
  const name = principal.slice('spiffe://'.length);
  const [, , namespace = '', , account = ''] = name.split('/');
  if (key === 'source.principal') return matchesText(value, name);
  if (key === 'source.namespace') return matchesText(value, namespace);
  if (call.minor < 25) return unknown('version-unknown', 'serviceAccounts before Istio 1.25');
  const slash = value.indexOf('/');
  const own = slash < 0 ? policy.namespace : value.slice(0, slash);
  return namespace === own && account === value.slice(slash + 1);
}
