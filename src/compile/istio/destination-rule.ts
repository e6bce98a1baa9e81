// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../model/decision.ts';
import type { Target } from '../../policy/policy.ts';
import { type Artifact, MANAGED_LABELS, Traced, type Value } from './artifact.ts';
import { grantsOn } from './caller.ts';
import { externalHosts, hostObjectName } from './external-host.ts';
import { isSql, type MeshContext, serviceHost, serviceName } from './mesh-context.ts';

/** Where the sidecar's image keeps the roots of the public authorities. */
const PUBLIC_ROOTS = '/etc/ssl/certs/ca-certificates.crt';

/** Towards Postern: limits per client pod. Towards external APIs: verified TLS with their name. */
export function destinationRules(context: MeshContext): readonly Artifact[] {
  const { namespace } = context.gateway;
  const inward = context.targets.filter(isSql).map((target) => {
    const spec = { host: serviceHost(context, target), trafficPolicy: poolPolicy(context, target) };
    return object(serviceName(target), namespace, [target.rule], spec);
  });
  const outward = externalHosts(context)
    .filter(({ protocol }) => protocol === 'tls')
    .map(({ host, rules }) =>
      object(hostObjectName(host), namespace, rules, {
        host,
        exportTo: ['.'],
        trafficPolicy: { tls: { mode: 'SIMPLE', sni: host, caCertificates: PUBLIC_ROOTS } },
      }),
    );
  return [...inward, ...outward];
}

/**
 * The mesh counts per client pod, the gateway per principal: the widest class of the target's
 * Grants, so that the mesh never refuses what the gateway would allow.
 */
function poolPolicy(context: MeshContext, target: Target): Value {
  const grants = grantsOn(context, target);
  const classes = grants.map(({ serviceClass }) =>
    serviceClass === undefined ? undefined : context.policy.serviceClasses.get(serviceClass),
  );
  const limits = classes.map((one) => one?.limits.connections ?? Number.POSITIVE_INFINITY);
  const most = Math.max(0, ...limits);
  const longestMs = Math.max(0, ...grants.map(({ session }) => session.maxDurationMs));
  const classRules = classes.filter((one) => one !== undefined).map(({ rule }) => rule);
  const tcp = {
    ...(Number.isFinite(most) && most > 0 && { maxConnections: new Traced(most, classRules) }),
    // The default of an hour ends idle connections of a pool under its driver.
    ...(longestMs > 0 && {
      idleTimeout: new Traced(
        `${Math.ceil(longestMs / 1000)}s`,
        grants.map(({ rule }) => rule),
      ),
    }),
    tcpKeepalive: { time: '300s', interval: '60s' },
  };
  return { connectionPool: { tcp } };
}

function object(
  name: string,
  namespace: string,
  rules: readonly RuleReference[],
  spec: { readonly [key: string]: Value },
): Artifact {
  return {
    apiVersion: 'networking.istio.io/v1',
    kind: 'DestinationRule',
    metadata: { name, namespace, labels: MANAGED_LABELS },
    rules,
    content: { spec },
  };
}
