// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { type Artifact, MANAGED_LABELS, type Value } from '../istio/artifact.ts';
import { GATEWAY_LABELS, GATEWAY_NAME, type MeshContext } from '../istio/mesh-context.ts';
import { gatewaySettings, HEALTH_PORT } from './gateway-settings.ts';
import type { InstallOptions } from './install-options.ts';
import { statefulSet } from './stateful-set.ts';

/** HBONE; the address of a waypoint is that of its Service. */
const HBONE_PORT = 15_008;

/** Everything a cluster needs to run gateways, besides the Secrets, which are nobody's to print. */
export function installation(context: MeshContext, options: InstallOptions): readonly Artifact[] {
  // JSON is YAML; the settings are read by a program.
  const settings = `${JSON.stringify(gatewaySettings(context), null, 2)}\n`;
  const settingsHash = createHash('sha256').update(settings).digest('hex').slice(0, 16);
  const documents = options.documents.map(({ key, text }) => [key, text] as const);
  const { namespace, serviceAccount } = context.gateway;
  const isAmbient = context.mesh.dataPlane === 'Ambient';
  const object = (
    apiVersion: string,
    kind: string,
    name: string,
    content: Artifact['content'],
  ) => ({
    apiVersion,
    kind,
    metadata: { name, namespace, labels: MANAGED_LABELS },
    rules: [],
    content,
  });
  const hbone = { name: 'mesh', port: HBONE_PORT, targetPort: HBONE_PORT, appProtocol: 'tcp' };
  const health = {
    name: 'http-health',
    port: HEALTH_PORT,
    targetPort: HEALTH_PORT,
    appProtocol: 'http',
  };
  return [
    object('v1', 'ServiceAccount', serviceAccount, { automountServiceAccountToken: false }),
    ...tokenReview(context),
    object('v1', 'ConfigMap', 'postern-settings', { data: { 'postern.yaml': settings } }),
    object('v1', 'ConfigMap', 'postern-policy', { data: Object.fromEntries(documents) }),
    object('v1', 'Service', GATEWAY_NAME, {
      spec: { selector: GATEWAY_LABELS, ports: isAmbient ? [health, hbone] : [health] },
    }),
    object('policy/v1', 'PodDisruptionBudget', GATEWAY_NAME, {
      spec: { maxUnavailable: 1, selector: { matchLabels: GATEWAY_LABELS } },
    }),
    statefulSet(context, { ...options, settingsHash }),
  ];
}

/** The only right Postern wants of the API server, and only where the declaration asks for it. */
function tokenReview(context: MeshContext): readonly Artifact[] {
  const { cluster, gateway } = context;
  if (!cluster.serviceAccountTokens?.tokenReview) return [];
  const subject: Value = {
    kind: 'ServiceAccount',
    name: gateway.serviceAccount,
    namespace: gateway.namespace,
  };
  return [
    {
      apiVersion: 'rbac.authorization.k8s.io/v1',
      kind: 'ClusterRoleBinding',
      metadata: { name: 'postern-token-review', labels: MANAGED_LABELS },
      rules: [cluster.rule],
      content: {
        roleRef: {
          apiGroup: 'rbac.authorization.k8s.io',
          kind: 'ClusterRole',
          name: 'system:auth-delegator',
        },
        subjects: [subject],
      },
    },
  ];
}
