// SPDX-License-Identifier: Apache-2.0
import { type Unknown, unknown } from './answer.ts';
import { type AuthorizationPolicy, readAuthorizationPolicy } from './authorization-policy.ts';
import { selectsLabels } from './label-selector.ts';
import type { MeshDestination } from './mesh-call.ts';
import type { Labels, MeshFacts, MeshObject, WorkloadFacts } from './mesh-facts.ts';
import { isKnownKind } from './mesh-kind.ts';
import { type NetworkPolicy, readNetworkPolicy } from './network-policy.ts';
import { type PeerAuthentication, readPeerAuthentication } from './peer-authentication.ts';
import { templatesOf, workloadsOf } from './pod-facts.ts';
import { type RequestAuthentication, readRequestAuthentication } from './request-authentication.ts';
import {
  type KnownHost,
  readServiceEntry,
  readSidecar,
  type SidecarEgress,
} from './sidecar-egress.ts';

/** What concerns the pods of one label set. */
export interface Concerned {
  /** Something that might decide and that the model does not count. */
  readonly stranger?: { readonly from: MeshObject; readonly what: Unknown };
  readonly networkPolicies: readonly NetworkPolicy[];
  readonly peers: readonly PeerAuthentication[];
  readonly tokens: readonly RequestAuthentication[];
  readonly policies: readonly AuthorizationPolicy[];
  readonly templates: readonly WorkloadFacts[];
  /** Container ports by name, when the templates of the pods are known. */
  readonly portNames?: Readonly<Record<string, number>>;
}

/** The objects of a cluster, read once and found by the pods they concern. */
export class MeshObjects {
  readonly sidecars: readonly SidecarEgress[];
  readonly hosts: readonly KnownHost[];
  readonly rootNamespace: string;
  readonly #strangers: readonly MeshObject[];
  readonly #workloads: readonly WorkloadFacts[];
  readonly #networkPolicies: readonly NetworkPolicy[];
  readonly #peers: readonly PeerAuthentication[];
  readonly #tokens: readonly RequestAuthentication[];
  readonly #policies: readonly AuthorizationPolicy[];
  readonly #concerned = new Map<string, Concerned>();

  constructor(objects: readonly MeshObject[], facts: MeshFacts) {
    const of = <Read>(kind: string, read: (from: MeshObject) => Read): readonly Read[] =>
      objects.filter(({ object }) => object.kind === kind && isKnownKind(object)).map(read);
    this.rootNamespace = facts.rootNamespace ?? 'istio-system';
    this.#strangers = objects.filter(({ object }) => !isKnownKind(object));
    this.#workloads = [...(facts.workloads ?? []), ...workloadsOf(objects)];
    this.#networkPolicies = of('NetworkPolicy', readNetworkPolicy);
    this.#peers = of('PeerAuthentication', readPeerAuthentication);
    this.#tokens = of('RequestAuthentication', readRequestAuthentication);
    this.#policies = of('AuthorizationPolicy', readAuthorizationPolicy);
    this.sidecars = of('Sidecar', readSidecar);
    this.hosts = of('ServiceEntry', readServiceEntry);
  }

  concerning({ namespace, labels }: MeshDestination): Concerned {
    const key = JSON.stringify([namespace, labels]);
    const known = this.#concerned.get(key);
    if (known) return known;
    const found = this.#find(namespace, labels);
    this.#concerned.set(key, found);
    return found;
  }

  /** NetworkPolicies of a namespace; which pods they select may not be known of a caller. */
  networkPoliciesOf(namespace: string): readonly NetworkPolicy[] {
    return this.#networkPolicies.filter((policy) => policy.namespace === namespace);
  }

  #find(namespace: string, labels: Labels): Concerned {
    const isNear = (one: string | undefined) =>
      one === undefined || one === namespace || one === this.rootNamespace;
    const concerns = (one: { namespace: string; selector: Labels; hasTargets?: boolean }) =>
      !one.hasTargets && isNear(one.namespace) && selectsLabels(one.selector, labels);
    const stranger = this.#strangerNear(isNear, namespace, labels);
    const templates = templatesOf(namespace, labels, this.#workloads);
    return {
      ...(stranger && { stranger }),
      networkPolicies: this.networkPoliciesOf(namespace),
      peers: this.#peers.filter(concerns),
      tokens: this.#tokens.filter(concerns),
      policies: this.#policies.filter(concerns),
      templates,
      ...(templates.length > 0 && {
        portNames: Object.assign({}, ...templates.map(({ ports }) => ports ?? {})),
      }),
    };
  }
  #strangerNear(
    isNear: (namespace: string | undefined) => boolean,
    namespace: string,
    labels: Labels,
  ): Concerned['stranger'] {
    const from = this.#strangers.find(({ object }) => isNear(object.metadata.namespace));
    if (from) {
      const { kind, apiVersion } = from.object;
      return { from, what: unknown('kind-unknown', `${kind} of ${apiVersion}`) };
    }
    const own = this.sidecars.find(
      (one) => one.hasIngress && one.namespace === namespace && selectsLabels(one.selector, labels),
    );
    return own && { from: own.from, what: unknown('field-unknown', 'spec/ingress') };
  }
}
