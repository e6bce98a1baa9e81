// SPDX-License-Identifier: Apache-2.0
import { type Manifest, manifestName } from '../manifest/manifest.ts';
import { childOf, itemsOf, membersOf } from '../manifest/node.ts';
import { suggestion } from '../policy/nearest.ts';
import type { TreeNode } from '../policy/source-tree.ts';
import type { LintContext } from './context.ts';

const withNegations = (...fields: string[]) => [
  ...fields,
  ...fields.map((one) => `not${one.charAt(0).toUpperCase()}${one.slice(1)}`),
];
const SOURCE = withNegations(
  'principals',
  'requestPrincipals',
  'namespaces',
  'serviceAccounts',
  'ipBlocks',
  'remoteIpBlocks',
  'trustDomains',
);
const OPERATION = withNegations('hosts', 'ports', 'methods', 'paths');
const POLICY = ['selector', 'targetRef', 'targetRefs', 'action', 'provider', 'rules'];
const JWT_RULE = [
  'issuer',
  'audiences',
  'jwksUri',
  'jwks',
  'fromHeaders',
  'fromParams',
  'fromCookies',
  'outputPayloadToHeader',
  'outputClaimToHeaders',
  'forwardOriginalToken',
  'timeout',
  'spaceDelimitedClaims',
];

/** A field with a typing mistake is dropped where validation is off: the rule is wider than it looks. */
export function lintFields({ mesh, found }: LintContext): void {
  const check = (
    manifest: Manifest,
    node: TreeNode | undefined,
    where: string,
    known: readonly string[],
  ) => {
    for (const { key, keyPlace } of membersOf(node)) {
      if (known.includes(key)) continue;
      const facts = { object: manifestName(manifest), field: key, where };
      found.add('istio-field-unknown', keyPlace, {
        ...facts,
        suggestion: suggestion(key, known, ''),
      });
    }
  };
  for (const { manifest, rules } of mesh.policies) {
    check(manifest, manifest.spec, 'spec', POLICY);
    for (const { node, sources, operations, conditions } of rules) {
      check(manifest, node, 'a rule', ['from', 'to', 'when']);
      for (const source of sources) check(manifest, source.node, 'a source', SOURCE);
      for (const operation of operations)
        check(manifest, operation.node, 'an operation', OPERATION);
      for (const one of conditions)
        check(manifest, one.node, 'a condition', ['key', 'values', 'notValues']);
    }
  }
  for (const manifest of mesh.of('PeerAuthentication')) {
    check(manifest, manifest.spec, 'spec', ['selector', 'mtls', 'portLevelMtls']);
    const levels = childOf(manifest.spec, 'portLevelMtls');
    if (levels && !childOf(manifest.spec, 'selector', 'matchLabels')) {
      found.add('istio-refused', levels.place, {
        object: manifestName(manifest),
        problem: 'portLevelMtls without a selector',
        suggestion: 'Add "selector: {matchLabels: ...}".',
      });
    }
  }
  for (const manifest of mesh.of('RequestAuthentication')) {
    check(manifest, manifest.spec, 'spec', ['selector', 'targetRef', 'targetRefs', 'jwtRules']);
    for (const rule of itemsOf(childOf(manifest.spec, 'jwtRules'))) {
      check(manifest, rule, 'a rule', JWT_RULE);
    }
  }
}
