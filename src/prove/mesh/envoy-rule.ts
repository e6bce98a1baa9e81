// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type JsonObject, type JsonValue } from '../../compile/kube/object.ts';
import { type Answer, every, isUnknown, not, some, type Unknown, unknown } from './answer.ts';
import type {
  AttributeTest,
  AuthorizationPolicy,
  AuthorizationRule,
} from './authorization-policy.ts';
import { inBlock, isPort, type ResolvedCall } from './resolved-call.ts';
import {
  matchesNamespace,
  matchesPrincipal,
  matchesServiceAccount,
  matchesText,
  underAllTrustDomains,
} from './text-pattern.ts';

/** What only requests have; on a chain of bytes Istio cannot tell Envoy about it. */
const HTTP_ONLY = /^(host|path|method|request\..*)$/;

/**
 * Whether a rule matches at a sidecar. On a TCP chain an ALLOW rule with anything of HTTP vanishes,
 * which narrows; in any other the part of HTTP is dropped, which widens what is denied.
 */
export function envoyMatches(
  rule: AuthorizationRule,
  policy: AuthorizationPolicy,
  call: ResolvedCall,
): Answer {
  if (rule.strange !== undefined) return unknown('field-unknown', rule.strange);
  const isTcp = call.destination.protocol === 'tcp';
  const all = [...rule.sources.flat(), ...rule.operations.flat(), ...rule.conditions];
  if (isTcp && policy.action === 'ALLOW' && all.some(({ key }) => HTTP_ONLY.test(key))) {
    return false;
  }
  const holds = (test: AttributeTest): Answer =>
    isTcp && HTTP_ONLY.test(test.key) ? true : testHolds(test, policy, call);
  const oneOf = (groups: readonly (readonly AttributeTest[])[]): Answer =>
    groups.length === 0 || some(groups, (tests) => every(tests, holds));
  return every([oneOf(rule.sources), oneOf(rule.operations), every(rule.conditions, holds)], same);
}

const same = (answer: Answer): Answer => answer;

function testHolds(
  { key, values, notValues }: AttributeTest,
  policy: AuthorizationPolicy,
  call: ResolvedCall,
): Answer {
  const matches = (value: string) => valueMatches(key, value, policy, call);
  return every([values.length === 0 || some(values, matches), not(some(notValues, matches))], same);
}

function valueMatches(
  key: string,
  value: string,
  policy: AuthorizationPolicy,
  call: ResolvedCall,
): Answer {
  const { destination, trustDomains } = call;
  switch (key) {
    case 'source.principal': {
      const spelt = underAllTrustDomains(value, trustDomains);
      return ofPrincipal(call, (uri) => some(spelt, (one) => matchesPrincipal(one, uri)));
    }
    case 'source.namespace':
      return ofPrincipal(call, (uri) => matchesNamespace(value, uri));
    case 'source.serviceAccount':
      if (call.minor < 25) return unknown('version-unknown', 'serviceAccounts before Istio 1.25');
      return ofPrincipal(call, (uri) => matchesServiceAccount(value, policy.namespace, uri));
    case 'source.ip':
      return inBlock(value, call.address);
    case 'remote.ip':
      // Over HTTP it is what the caller's own header says.
      if (destination.protocol === 'http') return unknown('caller-unknown', 'remote.ip');
      return inBlock(value, call.address);
    case 'destination.ip':
      return inBlock(value, destination.address ?? unknown('destination-unknown', 'its address'));
    case 'destination.port':
      return isPort(value, destination.port);
    case 'host':
      return ofRequest(destination.host, key, (host) =>
        matchesText(value.toLowerCase(), host.toLowerCase()),
      );
    case 'path':
      if (/\{\*\*?\}/.test(value)) return unknown('field-unknown', `the template ${value}`);
      return ofRequest(destination.path, key, (path) => matchesText(value, path));
    case 'method':
      return ofRequest(destination.method, key, (method) => matchesText(value, method));
    case 'connection.sni':
      return unknown('caller-unknown', key);
    default:
      if (key.startsWith('request.auth.')) return ofToken(call, key, value);
      if (key.startsWith('request.headers[')) return unknown('destination-unknown', key);
      return unknown('field-unknown', key);
  }
}

/** A caller without a certificate matches no value, and so everything that is negated. */
function ofPrincipal({ principal }: ResolvedCall, test: (uri: string) => Answer): Answer {
  if (principal === undefined) return false;
  return isUnknown(principal) ? principal : test(principal);
}

function ofRequest(text: string | undefined, key: string, test: (text: string) => boolean): Answer {
  return text === undefined ? unknown('destination-unknown', `its ${key}`) : test(text);
}

function ofToken({ claims }: ResolvedCall, key: string, value: string): Answer {
  if (claims === undefined) return false;
  if (isUnknown(claims)) return claims;
  switch (key) {
    case 'request.auth.principal':
      return isRequestPrincipal(value, claims);
    case 'request.auth.audiences':
      return holdsText(claims['aud'], value);
    case 'request.auth.presenter':
      return holdsText(claims['azp'], value);
  }
  const path = claimPath(key);
  if (isUnknown(path)) return path;
  return holdsText(path.reduce<JsonValue | undefined>(within, claims), value);
}

/** The text itself, or a list with it; numbers, booleans and objects match nothing. */
function holdsText(claim: JsonValue | undefined, pattern: string): boolean {
  const items = Array.isArray(claim) ? claim : [claim];
  return items.some((item) => typeof item === 'string' && matchesText(pattern, item));
}

function within(claim: JsonValue | undefined, name: string): JsonValue | undefined {
  return isJsonObject(claim) ? claim[name] : undefined;
}

/** `request.auth.claims[a][b]` -> a, b. */
function claimPath(key: string): readonly string[] | Unknown {
  const brackets = /^request\.auth\.claims((?:\[[^[\]]+\])+)$/.exec(key)?.[1];
  if (brackets === undefined) return unknown('field-unknown', key);
  return brackets.slice(1, -1).split('][');
}

/** Cut at the last slash, since an issuer is an address; a subject with a slash is out of reach. */
function isRequestPrincipal(value: string, { iss, sub }: JsonObject): boolean {
  if (typeof iss !== 'string' || typeof sub !== 'string') return false;
  const slash = value.lastIndexOf('/');
  const [issuer, subject] = [value.slice(0, Math.max(0, slash)), value.slice(slash + 1)];
  if (value === '*') return iss !== '' && sub !== '';
  if (slash < 0) {
    if (value.startsWith('*')) return iss !== '' && sub.endsWith(value.slice(1));
    if (value.endsWith('*')) return iss.startsWith(value.slice(0, -1)) && sub !== '';
    return iss === value && sub === '';
  }
  // Only one end can have the star: at the other it is a character.
  if (value.startsWith('*')) return matchesText(issuer, iss) && sub === subject;
  if (iss !== issuer) return false;
  if (!subject.endsWith('*')) return sub === subject;
  return sub !== '' && sub.startsWith(subject.slice(0, -1));
}
