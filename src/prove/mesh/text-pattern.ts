// SPDX-License-Identifier: Apache-2.0
import { type Answer, unknown } from './answer.ts';

/** Istio's wildcards: `*` is anything but nothing, `a*` a prefix, `*a` a suffix, else the whole. */
export function matchesText(pattern: string, text: string): boolean {
  if (pattern === '*') return text !== '';
  if (pattern.startsWith('*')) return text.endsWith(pattern.slice(1));
  if (pattern.endsWith('*')) return text.startsWith(pattern.slice(0, -1));
  return text === pattern;
}

/** What is in a pattern that Envoy takes for a regular expression, beside what stands for itself. */
const PLAIN = /^[A-Za-z0-9_/:.-]*$/;

/** Istio writes the value into the expression as it is: a dot is any character. */
function expression(before: string, value: string, after: string, text: string): Answer {
  if (!PLAIN.test(value.replaceAll('.*', ''))) {
    return unknown('field-unknown', `"${value}" is read as a regular expression`);
  }
  return new RegExp(`^${before}${value}${after}$`).test(text);
}

/** A value of `principals` against the URI name of a certificate, as Envoy is told to. */
export function matchesPrincipal(pattern: string, uri: string): Answer {
  if (pattern === '*') return uri !== '';
  if (pattern.startsWith('*')) return expression('spiffe://.*', pattern.slice(1), '', uri);
  if (pattern.endsWith('*')) return uri.startsWith(`spiffe://${pattern.slice(0, -1)}`);
  return uri === `spiffe://${pattern}`;
}

/** A value of `namespaces`: anywhere in the name, stars wherever they are. */
export function matchesNamespace(pattern: string, uri: string): Answer {
  return expression('.*/ns/', pattern.replaceAll('*', '.*'), '/.*', uri);
}

/** `namespace/name`, or a name in the policy's own namespace; whatever the trust domain. */
export function matchesServiceAccount(value: string, ownNamespace: string, uri: string): Answer {
  const slash = value.indexOf('/');
  const namespace = slash < 0 ? ownNamespace : value.slice(0, slash);
  const name = value.slice(slash + 1);
  return expression(`spiffe://.+/ns/${namespace}/(?:.+/|)sa/`, name, '(?:/.+)?', uri);
}

/**
 * The principals that a value stands for in a mesh with several names: of the form of a SPIFFE id,
 * and under one of the names or `cluster.local`, it is taken to be under each of them.
 */
export function underAllTrustDomains(value: string, domains: readonly string[]): readonly string[] {
  const [domain = '', ...rest] = value.split('/');
  if (rest.length !== 4 || domain === '*') return [value];
  const meant = domain === 'cluster.local' || domains.some((one) => overlaps(domain, one));
  if (!meant) return [value];
  const spelt = domains.map((one) =>
    domain.startsWith('*') && one.endsWith(domain.slice(1)) ? value : [one, ...rest].join('/'),
  );
  return [...new Set(spelt)];
}

/** Either may have a star at an end. */
function overlaps(one: string, other: string): boolean {
  return matchesDomain(one, other) || matchesDomain(other, one);
}

function matchesDomain(pattern: string, domain: string): boolean {
  return (
    pattern === domain ||
    (pattern.endsWith('*') && domain.startsWith(pattern.slice(0, -1))) ||
    (pattern.startsWith('*') && domain.endsWith(pattern.slice(1)))
  );
}
