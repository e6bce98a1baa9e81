// SPDX-License-Identifier: Apache-2.0
import { once } from 'node:events';
import { type AddressInfo, createServer } from 'node:net';
import { pipeline } from 'node:stream';
import { type MeshListener, sidecar } from '../../test/support/drivers.ts';

export interface Sidecar {
  readonly port: number;
  close(): void;
}

/** The name Envoy sends for the service `orders-db` of namespace `data-orders`, port 3306. */
const SERVER_NAME = 'outbound_.3306_._.orders-db.data-orders.svc.cluster.local';

/**
 * What an Istio sidecar does for its application: plain bytes in, mutual TLS with the workload's
 * certificate out. The application knows of none of it.
 */
export async function startSidecar(
  mesh: MeshListener,
  identity: { readonly chainPem: string; readonly keyPem: string },
): Promise<Sidecar> {
  const server = createServer({ pauseOnConnect: true }, (application) => {
    application.on('error', () => application.destroy());
    sidecar(mesh, identity, SERVER_NAME).then(
      (gateway) => {
        // An end or an error on one side is one on the other.
        pipeline(application, gateway, application, () => undefined);
        application.resume();
      },
      () => application.destroy(),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}
