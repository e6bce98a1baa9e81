// SPDX-License-Identifier: Apache-2.0
import { type Artifact, MANAGED_LABELS, type Value } from '../istio/artifact.ts';
import { gatewayPod } from '../istio/gateway-pod.ts';
import { GATEWAY_LABELS, GATEWAY_NAME, type MeshContext } from '../istio/mesh-context.ts';
import {
  gatewayPorts,
  HEALTH_PORT,
  POLICY_DIRECTORY,
  RUN_DIRECTORY,
  SETTINGS_DIRECTORY,
  STATE_DIRECTORY,
  TLS_DIRECTORY,
} from './gateway-settings.ts';
import type { Installation } from './install-options.ts';

/** The user `node` of the official image. */
const USER = 1000;

/** Every gateway keeps an audit of its own, so each has a volume that outlives its pod. */
export function statefulSet(context: MeshContext, installation: Installation): Artifact {
  const pod = gatewayPod(context);
  return {
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: {
      name: GATEWAY_NAME,
      namespace: context.gateway.namespace,
      labels: MANAGED_LABELS,
    },
    rules: [context.mesh.rule],
    content: {
      spec: {
        replicas: installation.replicas,
        serviceName: GATEWAY_NAME,
        podManagementPolicy: 'Parallel',
        selector: { matchLabels: GATEWAY_LABELS },
        template: {
          metadata: {
            labels: pod.labels,
            // A change of the settings, which are read once, must replace the pods.
            annotations: { ...pod.annotations, 'postern.dev/settings': installation.settingsHash },
          },
          spec: podSpec(context, installation),
        },
        volumeClaimTemplates: [
          {
            metadata: { name: 'state' },
            spec: {
              accessModes: ['ReadWriteOnce'],
              resources: { requests: { storage: installation.storage } },
            },
          },
        ],
      },
    },
  };
}

function podSpec(context: MeshContext, installation: Installation): Value {
  const pod = gatewayPod(context);
  const hasTls = context.mesh.dataPlane === 'None';
  const mounts = [
    { name: 'settings', mountPath: SETTINGS_DIRECTORY, readOnly: true },
    { name: 'policy', mountPath: POLICY_DIRECTORY, readOnly: true },
    { name: 'state', mountPath: STATE_DIRECTORY },
    { name: 'run', mountPath: RUN_DIRECTORY },
    { name: 'tmp', mountPath: '/tmp' },
    ...(hasTls ? [{ name: 'tls', mountPath: TLS_DIRECTORY, readOnly: true }] : []),
    ...pod.volumeMounts,
  ];
  return {
    serviceAccountName: context.gateway.serviceAccount,
    automountServiceAccountToken: installation.readsOwnToken,
    // Settings drain for 25 s, and stopping takes up to 5 s more.
    terminationGracePeriodSeconds: 45,
    securityContext: {
      runAsNonRoot: true,
      runAsUser: USER,
      runAsGroup: USER,
      fsGroup: USER,
      seccompProfile: { type: 'RuntimeDefault' },
    },
    topologySpreadConstraints: [
      {
        maxSkew: 1,
        topologyKey: 'kubernetes.io/hostname',
        whenUnsatisfiable: 'ScheduleAnyway',
        labelSelector: { matchLabels: GATEWAY_LABELS },
      },
    ],
    containers: [container(context, installation, mounts)],
    volumes: [...volumes(installation, hasTls), ...pod.volumes],
  };
}

function container(
  context: MeshContext,
  { image, variables }: Installation,
  volumeMounts: readonly Value[],
): Value {
  const ports = gatewayPorts(context).map((port) => ({
    name: `port-${port}`,
    containerPort: port,
    protocol: 'TCP',
  }));
  const health = { name: 'health', containerPort: HEALTH_PORT, protocol: 'TCP' };
  const probe = (path: string) => ({ httpGet: { path, port: 'health' }, periodSeconds: 5 });
  return {
    name: 'postern',
    image,
    args: ['serve', '--config', `${SETTINGS_DIRECTORY}/postern.yaml`],
    ...(variables.length > 0 && {
      env: variables.map((name) => ({
        name,
        valueFrom: { secretKeyRef: { name: 'postern-material', key: name } },
      })),
    }),
    ports: [...ports, health],
    readinessProbe: probe('/readyz'),
    livenessProbe: { ...probe('/healthz'), failureThreshold: 6 },
    resources: { requests: { cpu: '500m', memory: '512Mi' } },
    securityContext: {
      allowPrivilegeEscalation: false,
      readOnlyRootFilesystem: true,
      capabilities: { drop: ['ALL'] },
    },
    volumeMounts,
  };
}

/** Declaration and material under one directory: its relative files are found as they are here. */
function volumes({ documents, files }: Installation, hasTls: boolean): readonly Value[] {
  const items = (list: Installation['files']) => list.map(({ key, path }) => ({ key, path }));
  const declared = { configMap: { name: 'postern-policy', items: items(documents) } };
  const material = { secret: { name: 'postern-material', items: items(files) } };
  const sources = files.length > 0 ? [declared, material] : [declared];
  return [
    { name: 'settings', configMap: { name: 'postern-settings' } },
    { name: 'policy', projected: { defaultMode: 0o440, sources } },
    { name: 'run', emptyDir: { medium: 'Memory' } },
    { name: 'tmp', emptyDir: {} },
    ...(hasTls ? [{ name: 'tls', secret: { secretName: 'postern-tls', defaultMode: 0o440 } }] : []),
  ];
}
