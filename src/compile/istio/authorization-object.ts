// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import { type Artifact, MANAGED_LABELS, type Value } from './artifact.ts';

export function authorizationPolicy(
  name: string,
  namespace: string,
  rules: readonly RuleReference[],
  spec: { readonly [key: string]: Value },
): Artifact {
  return {
    apiVersion: 'security.istio.io/v1',
    kind: 'AuthorizationPolicy',
    metadata: { name, namespace, labels: MANAGED_LABELS },
    rules,
    content: { spec },
  };
}

export function matching(labels: Readonly<Record<string, string>>): Value {
  return { matchLabels: labels };
}
