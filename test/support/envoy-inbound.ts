// SPDX-License-Identifier: Apache-2.0
import { at, type Loose, list, type MeshNames, rbacRules, texts } from './envoy-rbac.ts';

/** One port of one pod, with an address of its own, as its sidecar listens there. */
export interface Inbound {
  readonly address: string;
  readonly port: number;
  readonly protocol: 'tcp' | 'http';
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly objects: readonly Loose[];
  readonly names: MeshNames;
  /** Key sets by issuer, as istiod fetches them. */
  readonly keys: ReadonlyMap<string, string>;
}

export interface TlsFiles {
  readonly chain: string;
  readonly key: string;
  readonly roots: string;
}

type Mode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';

const ISTIO_ALPN = ['istio', 'istio-peer-exchange', 'istio-http/1.0', 'istio-http/1.1', 'istio-h2'];

/** The listener that istiod would write (pilot/pkg/networking/core, pilot/pkg/security/authn). */
export function inboundListener(inbound: Inbound, tls: TlsFiles): Loose {
  const { address, port, protocol } = inbound;
  const filters = protocol === 'tcp' ? tcpFilters(inbound) : httpFilters(inbound);
  const secure = { filters, transport_socket: downstreamTls(inbound, tls) };
  const plain = (transport: string) => {
    return { filters, filter_chain_match: { transport_protocol: transport } };
  };
  const chains = {
    STRICT: [{ ...secure, filter_chain_match: { transport_protocol: 'tls' } }],
    PERMISSIVE: [
      {
        ...secure,
        filter_chain_match: { transport_protocol: 'tls', application_protocols: ISTIO_ALPN },
      },
      ...(protocol === 'tcp' ? [plain('tls')] : []),
      plain('raw_buffer'),
    ],
    DISABLE: [{ filters }],
  }[mtlsMode(inbound)];
  const inspector = {
    name: 'envoy.filters.listener.tls_inspector',
    typed_config: type('filters.listener.tls_inspector.v3.TlsInspector'),
  };
  return {
    name: `${address}:${port}`,
    address: { socket_address: { address, port_value: port } },
    // An address that somebody else has is a failure, not a share of their calls.
    enable_reuse_port: false,
    ...(mtlsMode(inbound) !== 'DISABLE' && { listener_filters: [inspector] }),
    filter_chains: chains.map((chain, index) => ({ name: String(index), ...chain })),
  };
}

const type = (name: string): Loose => ({ '@type': `type.googleapis.com/envoy.extensions.${name}` });

function downstreamTls({ protocol, names }: Inbound, { chain, key, roots }: TlsFiles): Loose {
  return {
    name: 'envoy.transport_sockets.tls',
    typed_config: {
      ...type('transport_sockets.tls.v3.DownstreamTlsContext'),
      require_client_certificate: true,
      common_tls_context: {
        alpn_protocols: protocol === 'tcp' ? ['istio'] : ['h2', 'http/1.1'],
        tls_certificates: [
          { certificate_chain: { filename: chain }, private_key: { filename: key } },
        ],
        validation_context: {
          trusted_ca: { filename: roots },
          match_typed_subject_alt_names: names.trustDomains.map((domain) => ({
            san_type: 'URI',
            matcher: { prefix: `spiffe://${domain}/` },
          })),
        },
      },
    },
  };
}

/** Workload, namespace, mesh: the narrowest that says something. */
export function mtlsMode({ objects, namespace, labels, port, names }: Inbound): Mode {
  const written = (mtls: unknown): Mode | undefined => {
    const mode = ((mtls ?? {}) as Loose)['mode'];
    return mode === undefined || mode === 'UNSET' ? undefined : (mode as Mode);
  };
  const peers = objects.filter(({ kind }) => kind === 'PeerAuthentication');
  const of = (space: string, withSelector: boolean) =>
    peers.find((peer) => {
      const selector = at(at(at(peer, 'spec'), 'selector'), 'matchLabels');
      const isSelected = Object.entries(selector).every(([name, value]) => labels[name] === value);
      const hasSelector = Object.keys(selector).length > 0;
      return (
        at(peer, 'metadata')['namespace'] === space && hasSelector === withSelector && isSelected
      );
    });
  const { rootNamespace } = names;
  const workload = namespace === rootNamespace ? undefined : of(namespace, true);
  const spaces = [namespace, rootNamespace].map((space) => of(space, false));
  const own = workload && at(workload, 'spec');
  return (
    written(own && at(own, 'portLevelMtls')[String(port)]) ??
    written(own?.['mtls']) ??
    spaces.map((peer) => written(peer && at(peer, 'spec')['mtls'])).find((mode) => mode) ??
    'PERMISSIVE'
  );
}

/** Objects of a kind that select the pod: of its namespace and of the root namespace. */
function selected({ objects, namespace, labels, names }: Inbound, kind: string) {
  return objects.filter((object) => {
    const home = at(object, 'metadata')['namespace'];
    const selector = at(at(at(object, 'spec'), 'selector'), 'matchLabels');
    return (
      object['kind'] === kind &&
      (home === namespace || home === names.rootNamespace) &&
      list(at(object, 'spec')['targetRefs']).length === 0 &&
      Object.entries(selector).every(([name, value]) => labels[name] === value)
    );
  });
}

function rbac(inbound: Inbound, name: string, filter: string, more: Loose): readonly Loose[] {
  const policies = selected(inbound, 'AuthorizationPolicy');
  return (['DENY', 'ALLOW'] as const).flatMap((action) => {
    const rules = rbacRules(policies, action, inbound.protocol === 'tcp', inbound.names);
    return rules ? [{ name, typed_config: { ...type(filter), ...more, rules } }] : [];
  });
}

/** The bytes come back if they get through. */
function tcpFilters(inbound: Inbound): readonly Loose[] {
  const filter = 'filters.network.rbac.v3.RBAC';
  return [
    ...rbac(inbound, 'envoy.filters.network.rbac', filter, { stat_prefix: 'tcp.' }),
    {
      name: 'envoy.filters.network.tcp_proxy',
      typed_config: {
        ...type('filters.network.tcp_proxy.v3.TcpProxy'),
        ...{ stat_prefix: 'echo', cluster: 'echo' },
      },
    },
  ];
}

function httpFilters(inbound: Inbound): readonly Loose[] {
  const answer = { status: 200, body: { inline_string: 'served' } };
  const manager = {
    ...type('filters.network.http_connection_manager.v3.HttpConnectionManager'),
    stat_prefix: 'http',
    normalize_path: true,
    http_filters: [
      ...jwt(selected(inbound, 'RequestAuthentication'), inbound.keys),
      ...rbac(inbound, 'envoy.filters.http.rbac', 'filters.http.rbac.v3.RBAC', {}),
      {
        name: 'envoy.filters.http.router',
        typed_config: type('filters.http.router.v3.Router'),
      },
    ],
    route_config: {
      virtual_hosts: [
        {
          name: 'all',
          domains: ['*'],
          routes: [{ match: { prefix: '/' }, direct_response: answer }],
        },
      ],
    },
  };
  return [{ name: 'envoy.filters.network.http_connection_manager', typed_config: manager }];
}

/** A token need not be there; one that is must be good for somebody who looks at its place. */
function jwt(
  authentications: readonly Loose[],
  keys: ReadonlyMap<string, string>,
): readonly Loose[] {
  const rules = authentications
    .flatMap((one) => list(at(one, 'spec')['jwtRules']))
    .toSorted((a, b) => (String(a['issuer']) < String(b['issuer']) ? -1 : 1));
  if (rules.length === 0) return [];
  const providers = rules.map((rule, index) => [`origins-${index}`, provider(rule, keys)] as const);
  const needs = providers.map(([name]) => ({ provider_name: name }));
  const orMissing = needs.map((need) => ({
    requires_any: { requirements: [need, { allow_missing: {} }] },
  }));
  const requires =
    orMissing.length === 1
      ? orMissing[0]
      : {
          requires_any: {
            requirements: [...needs, { requires_all: { requirements: orMissing } }],
          },
        };
  return [
    {
      name: 'envoy.filters.http.jwt_authn',
      typed_config: {
        ...type('filters.http.jwt_authn.v3.JwtAuthentication'),
        providers: Object.fromEntries(providers),
        rules: [{ match: { prefix: '/' }, requires }],
        bypass_cors_preflight: true,
      },
    },
  ];
}

function provider(rule: Loose, keys: ReadonlyMap<string, string>): Loose {
  const headers = list(rule['fromHeaders']).map(({ name, prefix }) => ({
    name,
    value_prefix: prefix ?? '',
  }));
  const inline = rule['jwks'] ?? keys.get(String(rule['issuer'])) ?? '{"keys": []}';
  return {
    issuer: rule['issuer'],
    audiences: texts(rule['audiences']),
    forward: rule['forwardOriginalToken'] === true,
    payload_in_metadata: 'payload',
    normalize_payload_in_metadata: {
      space_delimited_claims: ['permission', 'scope', ...texts(rule['spaceDelimitedClaims'])],
    },
    ...(headers.length > 0 && { from_headers: headers }),
    local_jwks: { inline_string: inline },
  };
}
