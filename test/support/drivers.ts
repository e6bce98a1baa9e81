// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { type Connection, type ConnectionOptions, createConnection } from 'mysql2/promise';
import type { World } from './world.ts';

/** Where a mesh meets the gateway. */
export interface MeshListener {
  readonly meshCa: { readonly certPem: string };
  port(listener: 'mesh'): number;
}

/** What an Istio sidecar does for its application: mutual TLS first, with Istio's SNI and ALPN. */
export async function sidecar(
  world: MeshListener,
  identity: { readonly chainPem: string; readonly keyPem: string },
  serverName = 'outbound_.3306_._.orders-db.data.svc.cluster.local',
): Promise<TLSSocket> {
  const socket = connectTls({
    host: '127.0.0.1',
    port: world.port('mesh'),
    servername: serverName,
    ALPNProtocols: ['istio-peer-exchange', 'istio'],
    cert: identity.chainPem,
    key: identity.keyPem,
    ca: world.meshCa.certPem,
    // The name in the gateway's certificate is a SPIFFE id, which Envoy checks and Node cannot.
    checkServerIdentity: () => undefined,
  });
  socket.setNoDelay();
  await once(socket, 'secureConnect');
  return socket;
}

/** mysql2 as a workload of the mesh: plain protocol inside the sidecar's TLS, no password. */
export async function asWorkload(
  world: World,
  namespace = 'payments',
  serviceAccount = 'checkout',
  more: Partial<ConnectionOptions> & { from?: 'prod' | 'dev' } = {},
): Promise<Connection> {
  const { from, ...options } = more;
  const identity = await world.workload(namespace, serviceAccount, from);
  const stream = await sidecar(world, identity);
  return createConnection({ stream, user: 'anybody', database: 'shop', ...options });
}

/** mysql2 as a person: TLS of the protocol, the token as cleartext password. */
export async function asPerson(
  world: World,
  subject = 'ada',
  groups: readonly string[] = ['analysts'],
  more: Partial<ConnectionOptions> = {},
): Promise<Connection> {
  const token = world.token(subject, groups);
  return withToken(world, token, more);
}

export function withToken(
  world: World,
  token: string,
  more: Partial<ConnectionOptions> = {},
): Promise<Connection> {
  return createConnection({
    host: 'localhost',
    port: world.port('token'),
    user: 'me',
    password: token,
    database: 'shop',
    ssl: { ca: world.serverCa.certPem },
    enableCleartextPlugin: true,
    ...more,
  } as ConnectionOptions);
}
