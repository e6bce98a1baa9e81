// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { type AddressInfo, createServer, type Socket } from 'node:net';
import { pipeline } from 'node:stream';
import { type MeshListener, sidecar } from './drivers.ts';

/** A plain TCP port on loopback that any driver can use as the workload, without a password. */
export interface Sidecar {
  readonly port: number;
  close(): Promise<void>;
}

/** What Envoy does beside an application: takes plain bytes, originates Istio's mutual TLS. */
export async function startSidecar(
  mesh: MeshListener,
  identity: { readonly chainPem: string; readonly keyPem: string },
  serverName?: string,
): Promise<Sidecar> {
  const open = new Set<Socket>();
  const server = createServer({ noDelay: true, pauseOnConnect: true }, (application) => {
    open.add(application);
    application.on('error', () => application.destroy());
    application.on('close', () => open.delete(application));
    sidecar(mesh, identity, serverName).then(
      (gateway) => {
        // A connection that ends on one side ends on the other; errors end both.
        pipeline(application, gateway, application, () => undefined);
        application.resume();
      },
      () => application.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    async close() {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}
