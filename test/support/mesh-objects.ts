// SPDX-License-Identifier: Apache-2.0
import { parseAllDocuments } from 'yaml';
import type { KubeObject } from '../../src/compile/kube/object.ts';
import type { MeshCaller, MeshDestination } from '../../src/prove/mesh/mesh-call.ts';
import {
  liveMeshObject,
  type MeshFacts,
  type MeshObject,
} from '../../src/prove/mesh/mesh-facts.ts';

const API_VERSIONS: Readonly<Record<string, string>> = {
  AuthorizationPolicy: 'security.istio.io/v1',
  PeerAuthentication: 'security.istio.io/v1',
  RequestAuthentication: 'security.istio.io/v1',
  NetworkPolicy: 'networking.k8s.io/v1',
  Sidecar: 'networking.istio.io/v1',
  ServiceEntry: 'networking.istio.io/v1',
};

/** Documents of YAML; `apiVersion` may be left out where there is one for the kind. */
export function meshObjects(...texts: readonly string[]): readonly MeshObject[] {
  return texts.flatMap((text) =>
    parseAllDocuments(text).map((document) => {
      const object = document.toJS() as KubeObject;
      const apiVersion = object.apiVersion ?? API_VERSIONS[object.kind] ?? 'v1';
      return liveMeshObject({ ...object, apiVersion });
    }),
  );
}

/** An AuthorizationPolicy for the pods of `data`. */
export function policy(name: string, spec: object, namespace = 'data'): MeshObject {
  const head = { apiVersion: 'security.istio.io/v1', kind: 'AuthorizationPolicy' };
  return liveMeshObject({ ...head, metadata: { name, namespace }, spec });
}

export const MESH_FACTS: MeshFacts = {
  cluster: 'prod',
  dataPlane: 'Sidecar',
  version: '1.29',
  trustDomain: 'cluster.local',
  trustDomainAliases: ['old.example'],
};

export const MESH_CALLER: MeshCaller = {
  cluster: 'prod',
  namespace: 'payments',
  serviceAccount: 'checkout',
  transport: 'mtls',
};

export const MESH_DESTINATION: MeshDestination = {
  namespace: 'data',
  labels: { app: 'db' },
  port: 3306,
  protocol: 'tcp',
};
