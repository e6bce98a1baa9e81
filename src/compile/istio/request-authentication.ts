// SPDX-License-Identifier: Apache-2.0
import type { IdentityProvider } from '../../policy/policy.ts';
import { type Artifact, MANAGED_LABELS, Traced, type Value } from './artifact.ts';
import { matching } from './authorization-object.ts';
import { callersOf } from './caller.ts';
import { GATEWAY_LABELS, isSql, type MeshContext, report } from './mesh-context.ts';

/** One rule per issuer: an Entra tenant has two, one per token version. HTTP only. */
export function requestAuthentications(context: MeshContext): readonly Artifact[] {
  if (context.mesh.dataPlane !== 'Sidecar') return [];
  const jwtRules = providersInUse(context).flatMap((provider) => rulesFor(context, provider));
  if (jwtRules.length === 0) return [];
  return [
    {
      apiVersion: 'security.istio.io/v1',
      kind: 'RequestAuthentication',
      metadata: {
        name: 'postern-tokens',
        namespace: context.gateway.namespace,
        labels: MANAGED_LABELS,
      },
      rules: [],
      content: { spec: { selector: matching(GATEWAY_LABELS), jwtRules } },
    },
  ];
}

function providersInUse(context: MeshContext): readonly IdentityProvider[] {
  const names = new Set<string>();
  for (const target of context.targets) {
    if (isSql(target)) continue;
    for (const { subject } of callersOf(context, target).tokens) {
      if ('provider' in subject) names.add(subject.provider);
    }
  }
  return [...context.policy.providers.values()].filter(({ name }) => names.has(name));
}

function rulesFor(context: MeshContext, provider: IdentityProvider): readonly Value[] {
  const { jwks, issuers, audiences, rule } = provider;
  if (jwks && jwks.from !== 'url') {
    const what = `The keys of IdentityProvider ${provider.name} are a local ${jwks.from}, which the mesh cannot read`;
    report(context, rule, 'mesh-unenforceable', {
      what,
      suggestion: 'Give "jwks: {url: ...}", or leave it to discovery.',
    });
    return [];
  }
  return issuers.map(
    (issuer) =>
      new Traced(
        {
          issuer,
          // Without audiences any token of the issuer would count.
          audiences,
          ...(jwks && { jwksUri: jwks.url }),
          // Not the default, which also takes a token out of the address.
          fromHeaders: [{ name: 'Authorization', prefix: 'Bearer ' }],
          // The gateway verifies it again.
          forwardOriginalToken: true,
        },
        [rule],
      ),
  );
}
