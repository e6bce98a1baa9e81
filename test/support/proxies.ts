// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { connect } from 'node:net';
import { delimiter, join } from 'node:path';
import { freePort } from './free-port.ts';
import { until, type World } from './world.ts';

/** A proxy in front of the gateway, as a process. */
export interface FrontProxy {
  readonly port: number;
  stop(): Promise<void>;
}

export function isOnPath(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(delimiter);
  return folders.some((folder) => existsSync(join(folder, program)));
}

/** HAProxy, TCP to a Unix socket with `send-proxy-v2` and every option it has for it. */
export async function startHaproxy(world: World, socketPath: string): Promise<FrontProxy> {
  const port = await freePort();
  world.write(
    'haproxy.cfg',
    `defaults
  mode tcp
  timeout connect 5s
  timeout client 30s
  timeout server 30s
frontend in
  bind 127.0.0.1:${port}
  unique-id-format %{+X}o\\ %ci:%cp_%rt
  default_backend postern
backend postern
  server postern unix@${socketPath} send-proxy-v2 proxy-v2-options crc32c,unique-id
`,
  );
  return started(spawn('haproxy', ['-f', world.path('haproxy.cfg'), '-db']), port);
}

/**
 * Envoy as a sidecar: mutual TLS of the mesh in front, PROXY v2 with the peer's URI name in field
 * 0xD0 behind.
 */
export async function startEnvoy(world: World, socketPath: string): Promise<FrontProxy> {
  const port = await freePort();
  const type = (name: string) => ({ '@type': `type.googleapis.com/envoy.extensions.${name}` });
  const tls = {
    ...type('transport_sockets.tls.v3.DownstreamTlsContext'),
    require_client_certificate: true,
    common_tls_context: {
      alpn_protocols: ['istio'],
      tls_certificates: [
        {
          certificate_chain: { filename: world.path('mesh.pem') },
          private_key: { filename: world.path('mesh-key.pem') },
        },
      ],
      validation_context: { trusted_ca: { filename: world.path('mesh-ca.pem') } },
    },
  };
  const tcpProxy = {
    ...type('filters.network.tcp_proxy.v3.TcpProxy'),
    ...{ stat_prefix: 'in', cluster: 'postern' },
    // Before the handshake nobody knows the name, and Envoy would send a dash.
    upstream_connect_mode: 'ON_DOWNSTREAM_TLS_HANDSHAKE',
    max_early_data_bytes: 16_384,
    proxy_protocol_tlvs: [
      {
        type: 208,
        format_string: { text_format_source: { inline_string: '%DOWNSTREAM_PEER_URI_SAN%' } },
      },
    ],
  };
  const proxyProtocol = {
    ...type('transport_sockets.proxy_protocol.v3.ProxyProtocolUpstreamTransport'),
    config: { version: 'V2', pass_through_tlvs: { match_type: 'INCLUDE', tlv_type: [208] } },
    transport_socket: {
      name: 'envoy.transport_sockets.raw_buffer',
      typed_config: type('transport_sockets.raw_buffer.v3.RawBuffer'),
    },
  };
  const endpoint = { address: { pipe: { path: socketPath } } };
  const settings = {
    static_resources: {
      listeners: [
        {
          name: 'in',
          address: { socket_address: { address: '127.0.0.1', port_value: port } },
          filter_chains: [
            {
              transport_socket: { name: 'envoy.transport_sockets.tls', typed_config: tls },
              filters: [{ name: 'envoy.filters.network.tcp_proxy', typed_config: tcpProxy }],
            },
          ],
        },
      ],
      clusters: [
        {
          ...{ name: 'postern', type: 'STATIC', connect_timeout: '5s' },
          load_assignment: {
            cluster_name: 'postern',
            endpoints: [{ lb_endpoints: [{ endpoint }] }],
          },
          transport_socket: {
            name: 'envoy.transport_sockets.upstream_proxy_protocol',
            typed_config: proxyProtocol,
          },
        },
      ],
    },
  };
  world.write('envoy.json', JSON.stringify(settings));
  const flags = ['--disable-hot-restart', '--concurrency', '1', '--log-level', 'error'];
  return started(spawn('envoy', ['-c', world.path('envoy.json'), ...flags]), port);
}

/** Resolves when the process listens; it is ended when it does not within 20 s. */
export async function started(
  child: ChildProcess,
  port: number,
  host = '127.0.0.1',
): Promise<FrontProxy> {
  const said: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => said.push(chunk.toString()));
  }
  const ended = once(child, 'close');
  const stop = async () => {
    child.kill('SIGTERM');
    await ended;
  };
  const up = async () => {
    if (child.exitCode !== null) throw new Error(`it ended: ${said.join('')}`);
    const socket = connect({ host, port });
    const reached = await new Promise<boolean>((resolve) => {
      socket.once('connect', () => resolve(true));
      socket.once('error', () => resolve(false));
    });
    socket.destroy();
    return reached;
  };
  await until(up, 20_000, `a proxy listens: ${said.join('')}`).catch(async (thrown) => {
    await stop();
    throw thrown;
  });
  return { port, stop };
}
