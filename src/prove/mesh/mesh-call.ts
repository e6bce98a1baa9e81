// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../compile/kube/object.ts';
import type { Labels } from './mesh-facts.ts';

/** Who opens a connection. What is absent is unknown, except where it says otherwise. */
export interface MeshCaller {
  /** The cluster it runs in; another than the destination's comes through a gateway. */
  readonly cluster: string;
  readonly namespace: string;
  readonly serviceAccount: string;
  /** All labels of its namespace; else those of the model's facts. */
  readonly namespaceLabels?: Labels;
  /** All labels of its pod. */
  readonly labels?: Labels;
  /** Its pod's address. */
  readonly address?: string;
  /** `mtls`: with the mesh's certificate, by its sidecar or ztunnel. */
  readonly transport: 'mtls' | 'plaintext';
  /** The URI name of its certificate; by default that of its service account. */
  readonly spiffeId?: string;
  /** In `Authorization: Bearer`; absent: it sends none. */
  readonly token?: MeshToken;
}

export interface MeshToken {
  readonly issuer: string;
  /** All claims, `iss` and `aud` among them. */
  readonly claims: JsonObject;
  /** Whether signature and times hold with the issuer's keys; its audience is judged here. */
  readonly verifies: boolean;
}

/** What is called: a port of a pod, and over HTTP one request. */
export interface MeshDestination {
  readonly namespace: string;
  /** All labels of the pod. */
  readonly labels: Labels;
  /** The port of the pod, not of a Service. */
  readonly port: number;
  /** What the mesh takes the port for: `http` has requests, `tcp` bytes. */
  readonly protocol: 'tcp' | 'http';
  /** The `Host` of the request; for `tcp` the name that was dialled, for the caller's egress. */
  readonly host?: string;
  /** Without the query, as the proxy normalises it. */
  readonly path?: string;
  readonly method?: string;
  readonly address?: string;
}
