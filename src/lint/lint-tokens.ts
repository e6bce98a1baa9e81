// SPDX-License-Identifier: Apache-2.0
import { valuesOf } from '../manifest/authorization-policy.ts';
import { type Manifest, manifestName } from '../manifest/manifest.ts';
import {
  childOf,
  hasLabels,
  itemsOf,
  labelsOf,
  type Text,
  textOf,
  textsOf,
} from '../manifest/node.ts';
import { entraTenant, entraVersion, issuerProblem } from '../policy/lint/issuer-form.ts';
import { nearest } from '../policy/nearest.ts';
import type { IdentityProvider } from '../policy/policy.ts';
import type { TreeNode } from '../policy/source-tree.ts';
import type { LintContext } from './context.ts';

export function lintTokens(context: LintContext): void {
  const all = context.mesh.of('RequestAuthentication');
  const issuers: Text[] = [];
  for (const manifest of all) {
    const rules = itemsOf(childOf(manifest.spec, 'jwtRules'));
    issuers.push(...rules.flatMap((rule) => textOf(childOf(rule, 'issuer')) ?? []));
    for (const rule of rules) lintRule(rule, manifest, context);
    lintVersions(rules, manifest, context);
    if (rules.length > 0) lintOptional(manifest, context);
  }
  if (all.length > 0)
    lintUses(
      issuers.map(({ value }) => value),
      context,
    );
}

function lintRule(rule: TreeNode, manifest: Manifest, { policy, found }: LintContext): void {
  const object = manifestName(manifest);
  const say = (place: Text['place'], problem: string, suggestion: string) =>
    found.add('istio-token-rule', place, { object, problem, suggestion });
  const audiences = textsOf(childOf(rule, 'audiences'));
  if (audiences.length === 0) {
    const problem =
      'without audiences every token of the issuer is taken, for whatever it was made';
    say(rule.place, problem, 'Add "audiences".');
  }
  if (!childOf(rule, 'fromHeaders')) {
    const problem =
      'tokens are also taken from the address (access_token=...), where they are logged';
    say(rule.place, problem, 'Add fromHeaders: [{name: Authorization, prefix: "Bearer "}].');
  }
  const issuer = textOf(childOf(rule, 'issuer'));
  if (!issuer) {
    const problem = 'a rule without issuer takes any issuer that the keys sign for';
    return say(rule.place, problem, 'Add "issuer".');
  }
  const known = issuerProblem(issuer.value);
  if (known) {
    return say(
      issuer.place,
      `no token carries ${issuer.value}: ${known.problem}`,
      known.suggestion,
    );
  }
  if (!policy || policy.providers.size === 0) return;
  const providers = [...policy.providers.values()];
  const provider = providers.find(({ issuers }) => issuers.includes(issuer.value));
  if (provider) lintAudience(audiences, provider, say);
  else {
    const declared = providers.flatMap(({ issuers }) => issuers);
    const meant = nearest(issuer.value, declared);
    if (meant === undefined) return;
    const problem = `no IdentityProvider has the issuer ${issuer.value}`;
    say(issuer.place, problem, `Did you mean "${meant}"?`);
  }
}

function lintAudience(
  audiences: readonly Text[],
  { name, audiences: declared }: IdentityProvider,
  say: (place: Text['place'], problem: string, suggestion: string) => void,
): void {
  const [first] = audiences;
  if (!first || audiences.some(({ value }) => declared.includes(value))) return;
  const problem = `none of the audiences is one of IdentityProvider ${name}`;
  say(first.place, problem, `Declared: ${declared.join(', ')}.`);
}

/** A tenant has two issuers, and the application that is asked for decides which one comes. */
function lintVersions(rules: readonly TreeNode[], manifest: Manifest, { found }: LintContext) {
  const issuers = rules.flatMap((rule) => textOf(childOf(rule, 'issuer')) ?? []);
  for (const { value, place } of issuers) {
    const version = entraVersion(value);
    const tenant = entraTenant(value);
    if (version === undefined || issuerProblem(value)) continue;
    const other = issuers.some(
      (one) => entraTenant(one.value) === tenant && entraVersion(one.value) !== version,
    );
    if (other) continue;
    found.add('istio-token-rule', place, {
      object: manifestName(manifest),
      problem: `version ${version === 1 ? 2 : 1} tokens of the tenant are refused (401)`,
      suggestion:
        version === 1
          ? `Add a rule with the issuer "https://login.microsoftonline.com/${tenant}/v2.0".`
          : `Add a rule with the issuer "https://sts.windows.net/${tenant}/".`,
    });
  }
}

/** RequestAuthentication refuses bad tokens and takes none: asking for one is another object's. */
function lintOptional(manifest: Manifest, { mesh, found }: LintContext): void {
  const selector = labelsOf(childOf(manifest.spec, 'selector', 'matchLabels'));
  const asks = mesh.policies.some(
    (policy) =>
      policy.manifest.namespace === manifest.namespace &&
      (hasLabels(policy.selector, selector) || hasLabels(selector, policy.selector)) &&
      policy.rules.some(
        ({ sources, conditions }) =>
          sources.some((one) => valuesOf(one, ['requestPrincipals']).length > 0) ||
          conditions.some(({ key }) => key.value.startsWith('request.auth.')),
      ),
  );
  if (asks) return;
  found.add('istio-token-optional', manifest.place, { object: manifestName(manifest) });
}

/** What policies say about tokens that no rule lets in. */
function lintUses(issuers: readonly string[], { mesh, found }: LintContext): void {
  for (const { manifest, rules } of mesh.policies) {
    const object = manifestName(manifest);
    const say = (place: Text['place'], problem: string, suggestion: string) =>
      found.add('istio-token-rule', place, { object, problem, suggestion });
    for (const { sources, conditions } of rules) {
      for (const { value, place } of sources.flatMap((one) =>
        valuesOf(one, ['requestPrincipals']),
      )) {
        if (value.includes('*')) continue;
        const slash = value.lastIndexOf('/');
        const issuer = value.slice(0, slash);
        if (issuers.includes(issuer)) continue;
        const longer = issuers.find((one) => value.startsWith(`${one}/`));
        if (longer === undefined) {
          say(
            place,
            `no RequestAuthentication here has the issuer ${issuer} of ${value}`,
            'Correct it.',
          );
        } else {
          const problem = `${value} is cut at its last slash, so its subject is taken for a part of the issuer`;
          say(
            place,
            problem,
            'Use conditions: request.auth.claims[iss] and request.auth.claims[sub].',
          );
        }
      }
      for (const { key, values } of conditions) {
        if (key.value !== 'request.auth.claims[iss]') continue;
        for (const { value, place } of values) {
          if (value.includes('*') || issuers.includes(value)) continue;
          const meant = nearest(value, issuers);
          const problem = `no RequestAuthentication here has the issuer ${value}`;
          say(
            place,
            problem,
            meant ? `Did you mean "${meant}"?` : 'Correct it, or add a rule for it.',
          );
        }
      }
    }
  }
}
