// SPDX-License-Identifier: Apache-2.0

/** How the API server merges a value: fields one by one, or the value as a whole. */
export type Shape =
  | 'value'
  | { readonly fields: Readonly<Record<string, Shape>>; readonly atomic?: boolean }
  | { readonly map: Shape; readonly atomic?: boolean }
  | { readonly list: Shape; readonly keys?: readonly string[]; readonly set?: boolean };

export interface ServedKind {
  readonly apiVersion: string;
  readonly kind: string;
  readonly plural: string;
  readonly namespaced: boolean;
  readonly shape: Shape;
  /** Fields that may not change once set. */
  readonly immutable?: readonly string[];
}

const values: Shape = { list: 'value' };
const strings: Shape = { map: 'value' };
const fields = (known: Readonly<Record<string, Shape>>): Shape => ({ fields: known });
const names = (text: string): Readonly<Record<string, Shape>> =>
  Object.fromEntries(text.split(' ').map((name) => [name, 'value']));

/** A LabelSelector is one value (`structType=atomic`). */
const labelSelector: Shape = {
  fields: {
    matchLabels: strings,
    matchExpressions: { list: fields({ ...names('key operator'), values }) },
  },
  atomic: true,
};

const metadata = fields({
  ...names('name namespace uid resourceVersion generation creationTimestamp deletionTimestamp'),
  ...names('generateName selfLink deletionGracePeriodSeconds'),
  labels: strings,
  annotations: strings,
  finalizers: { list: 'value', set: true },
  ownerReferences: {
    list: fields(names('apiVersion kind name uid controller blockOwnerDeletion')),
    keys: ['uid'],
  },
});

function object(rest: Readonly<Record<string, Shape>>): Shape {
  return fields({ ...names('apiVersion kind'), metadata, ...rest });
}

const servicePort = fields(names('name port protocol targetPort nodePort appProtocol'));
const container = fields({
  ...names('name image imagePullPolicy workingDir'),
  command: values,
  args: values,
  env: { list: fields({ ...names('name value') }), keys: ['name'] },
  ports: {
    list: fields(names('name containerPort protocol')),
    keys: ['containerPort', 'protocol'],
  },
  volumeMounts: { list: fields(names('name mountPath readOnly')), keys: ['mountPath'] },
  resources: fields({ limits: strings, requests: strings }),
});
const podSpec = fields({
  ...names('serviceAccountName restartPolicy terminationGracePeriodSeconds'),
  containers: { list: container, keys: ['name'] },
  volumes: { list: fields({ name: 'value', emptyDir: strings }), keys: ['name'] },
  nodeSelector: { map: 'value', atomic: true },
});
const podTemplate = fields({ metadata, spec: podSpec });
const peers: Shape = {
  list: fields({
    podSelector: labelSelector,
    namespaceSelector: labelSelector,
    ipBlock: fields({ cidr: 'value', except: values }),
  }),
};
const policyPorts: Shape = { list: fields(names('port endPort protocol')) };

/** Lists of custom resources without `x-kubernetes-list-type` are one value: all of Istio's. */
const source = fields(
  Object.fromEntries(
    ['principals', 'notPrincipals', 'namespaces', 'notNamespaces', 'requestPrincipals']
      .concat('notRequestPrincipals', 'ipBlocks', 'notIpBlocks', 'serviceAccounts')
      .map((name) => [name, values]),
  ),
);
const operation = fields(
  Object.fromEntries(
    ['hosts', 'notHosts', 'ports', 'notPorts', 'methods', 'notMethods', 'paths', 'notPaths'].map(
      (name) => [name, values],
    ),
  ),
);
const workloadSelector = fields({ matchLabels: strings });
const targetRefs: Shape = { list: fields(names('group kind name namespace')) };

export const SERVED_KINDS: readonly ServedKind[] = [
  kind('v1', 'Namespace', 'namespaces', { spec: fields({ finalizers: values }) }, false),
  kind('v1', 'ConfigMap', 'configmaps', { data: strings, immutable: 'value' }),
  kind('v1', 'ServiceAccount', 'serviceaccounts', { automountServiceAccountToken: 'value' }),
  kind('v1', 'Pod', 'pods', { spec: podSpec }),
  kind('v1', 'Service', 'services', {
    spec: fields({
      ...names('type clusterIP externalName sessionAffinity internalTrafficPolicy'),
      clusterIPs: values,
      selector: { map: 'value', atomic: true },
      ports: { list: servicePort, keys: ['port', 'protocol'] },
    }),
  }),
  {
    ...kind('apps/v1', 'Deployment', 'deployments', {
      spec: fields({
        ...names('replicas minReadySeconds'),
        selector: labelSelector,
        template: podTemplate,
      }),
    }),
    immutable: ['selector'],
  },
  kind('networking.k8s.io/v1', 'NetworkPolicy', 'networkpolicies', {
    spec: fields({
      podSelector: labelSelector,
      policyTypes: values,
      ingress: { list: fields({ from: peers, ports: policyPorts }) },
      egress: { list: fields({ to: peers, ports: policyPorts }) },
    }),
  }),
  kind('security.istio.io/v1', 'AuthorizationPolicy', 'authorizationpolicies', {
    spec: fields({
      selector: workloadSelector,
      targetRefs,
      action: 'value',
      rules: {
        list: fields({
          from: { list: fields({ source }) },
          to: { list: fields({ operation }) },
          when: { list: fields({ key: 'value', values, notValues: values }) },
        }),
      },
    }),
  }),
  kind('security.istio.io/v1', 'PeerAuthentication', 'peerauthentications', {
    spec: fields({
      selector: workloadSelector,
      mtls: fields({ mode: 'value' }),
      portLevelMtls: { map: fields({ mode: 'value' }) },
    }),
  }),
  kind('security.istio.io/v1', 'RequestAuthentication', 'requestauthentications', {
    spec: fields({
      selector: workloadSelector,
      targetRefs,
      jwtRules: {
        list: fields({
          ...names('issuer jwksUri jwks forwardOriginalToken outputPayloadToHeader timeout'),
          audiences: values,
          fromHeaders: { list: fields(names('name prefix')) },
          fromParams: values,
        }),
      },
    }),
  }),
  kind('networking.istio.io/v1', 'ServiceEntry', 'serviceentries', {
    spec: fields({
      ...names('location resolution'),
      hosts: values,
      addresses: values,
      exportTo: values,
      ports: { list: fields(names('number name protocol targetPort')) },
    }),
  }),
  kind('networking.istio.io/v1', 'DestinationRule', 'destinationrules', {
    spec: fields({
      host: 'value',
      exportTo: values,
      trafficPolicy: fields({
        tls: fields(names('mode sni caCertificates')),
        connectionPool: fields({
          tcp: fields({
            ...names('maxConnections idleTimeout connectTimeout'),
            tcpKeepalive: fields(names('time interval probes')),
          }),
        }),
      }),
    }),
  }),
  kind('networking.istio.io/v1', 'VirtualService', 'virtualservices', {
    spec: fields({
      hosts: values,
      exportTo: values,
      http: {
        list: fields({
          route: {
            list: fields({
              weight: 'value',
              destination: fields({ host: 'value', port: fields(names('number')) }),
              headers: fields({ request: fields({ set: strings }) }),
            }),
          },
        }),
      },
    }),
  }),
  kind('networking.istio.io/v1', 'Sidecar', 'sidecars', {
    spec: fields({
      workloadSelector: fields({ labels: strings }),
      egress: { list: fields({ hosts: values }) },
      outboundTrafficPolicy: fields(names('mode')),
    }),
  }),
  kind('telemetry.istio.io/v1', 'Telemetry', 'telemetries', {
    spec: fields({
      selector: workloadSelector,
      accessLogging: {
        list: fields({
          match: fields(names('mode')),
          providers: { list: fields(names('name')) },
        }),
      },
    }),
  }),
];

function kind(
  apiVersion: string,
  name: string,
  plural: string,
  rest: Readonly<Record<string, Shape>>,
  namespaced = true,
): ServedKind {
  return { apiVersion, kind: name, plural, namespaced, shape: object(rest) };
}
