// SPDX-License-Identifier: Apache-2.0
import type { Place } from '../policy/diagnostic.ts';
import type { TreeNode } from '../policy/source-tree.ts';
import {
  type AuthorizationPolicy,
  authorizationPolicy,
  isAuthorizationPolicy,
} from './authorization-policy.ts';
import type { Manifest } from './manifest.ts';
import {
  childOf,
  hasLabels,
  itemsOf,
  type Labels,
  labelsOf,
  type Text,
  textAt,
  textOf,
} from './node.ts';

/** Where mesh-wide settings are, unless the mesh says otherwise. */
export const ROOT_NAMESPACE = 'istio-system';

export interface PodTemplate {
  readonly manifest: Manifest;
  readonly labels: Labels;
  readonly ports: readonly number[];
  readonly serviceAccount: string;
}

export interface ServicePort {
  readonly node: TreeNode;
  readonly name: string;
  readonly appProtocol: string | undefined;
  readonly port: number;
  /** The port the pods listen on. */
  readonly targetPort: number;
}

export interface ClusterService {
  readonly manifest: Manifest;
  readonly selector: Labels;
  readonly ports: readonly ServicePort[];
}

export interface PeerMode {
  readonly mode: 'STRICT' | 'PERMISSIVE' | 'DISABLE';
  /** Where it is said; absent: nowhere, it is the default. */
  readonly place?: Place;
}

const WORKLOADS: ReadonlySet<string> = new Set([
  'Deployment',
  'StatefulSet',
  'DaemonSet',
  'ReplicaSet',
  'Job',
  'Pod',
]);
const MODES = ['STRICT', 'PERMISSIVE', 'DISABLE'] as const;

/** The objects of a mesh by what they are for. */
export class Mesh {
  readonly manifests: readonly Manifest[];
  readonly policies: readonly AuthorizationPolicy[];
  readonly services: readonly ClusterService[];
  readonly pods: readonly PodTemplate[];

  constructor(manifests: readonly Manifest[]) {
    this.manifests = manifests;
    this.policies = manifests.filter(isAuthorizationPolicy).map(authorizationPolicy);
    this.services = this.of('Service').map(serviceOf);
    this.pods = manifests.filter(({ kind }) => WORKLOADS.has(kind)).map(podOf);
  }

  of(kind: string): readonly Manifest[] {
    return this.manifests.filter((one) => one.kind === kind);
  }

  /** The pods of a namespace that a selector means, as far as the files show any. */
  podsOf(namespace: string, selector: Labels): readonly PodTemplate[] {
    return this.pods.filter(
      ({ manifest, labels }) => manifest.namespace === namespace && hasLabels(labels, selector),
    );
  }

  /** Labels of the pods of a selector; where no pod is known, those the selector asks for. */
  labelsOf(namespace: string, selector: Labels): Labels {
    return this.podsOf(namespace, selector)[0]?.labels ?? selector;
  }

  /** Whether mutual TLS is required on a port: that of the pods, else of the namespace, the mesh. */
  peerMode(namespace: string, labels: Labels, port: number): PeerMode {
    const all = this.of('PeerAuthentication').map((manifest) => ({
      manifest,
      selector: labelsOf(childOf(manifest.spec, 'selector', 'matchLabels')),
    }));
    const own = all.filter(
      ({ manifest, selector }) =>
        manifest.namespace === namespace && selector.size > 0 && hasLabels(labels, selector),
    );
    const wide = (where: string) =>
      all.filter(({ manifest, selector }) => manifest.namespace === where && selector.size === 0);
    const inOrder = [...own, ...wide(namespace), ...wide(ROOT_NAMESPACE)];
    for (const { manifest } of inOrder) {
      const level = textOf(childOf(manifest.spec, 'portLevelMtls', String(port), 'mode'));
      const stated = modeOf(level) ?? modeOf(textOf(childOf(manifest.spec, 'mtls', 'mode')));
      if (stated) return stated;
    }
    return { mode: 'PERMISSIVE' };
  }
}

function modeOf(text: Text | undefined): PeerMode | undefined {
  const mode = MODES.find((one) => one === text?.value);
  return mode && text && { mode, place: text.place };
}

function serviceOf(manifest: Manifest): ClusterService {
  const ports = itemsOf(childOf(manifest.spec, 'ports')).map((node): ServicePort => {
    const port = Number(textAt(node, 'port'));
    const target = Number(textAt(node, 'targetPort') ?? port);
    return {
      node,
      name: textAt(node, 'name') ?? '',
      appProtocol: textAt(node, 'appProtocol'),
      port,
      // A named port is looked up in the pods; the number of the Service is the best guess then.
      targetPort: Number.isNaN(target) ? port : target,
    };
  });
  return { manifest, selector: labelsOf(childOf(manifest.spec, 'selector')), ports };
}

function podOf(manifest: Manifest): PodTemplate {
  const isPod = manifest.kind === 'Pod';
  const template = isPod ? manifest.root : childOf(manifest.spec, 'template');
  const spec = childOf(template, 'spec');
  return {
    manifest,
    labels: labelsOf(childOf(template, 'metadata', 'labels')),
    ports: itemsOf(childOf(spec, 'containers')).flatMap((container) =>
      itemsOf(childOf(container, 'ports')).map((port) => Number(textAt(port, 'containerPort'))),
    ),
    serviceAccount: textAt(spec, 'serviceAccountName') ?? 'default',
  };
}
