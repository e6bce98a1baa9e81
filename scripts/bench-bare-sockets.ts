// SPDX-License-Identifier: Apache-2.0
// Prints how many KiB a pair of idle sockets (one accepted, one dialled) takes in Node; with the
// paths of a certificate and its key, one of two sockets of mutual TLS.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import {
  connect as connectTls,
  createSecureContext,
  createServer as createTlsServer,
} from 'node:tls';

const [count = '1000', certificate, key] = process.argv.slice(2);
const pairs = Number(count);
const open: Socket[] = [];
const hold = (socket: Socket) => void open.push(socket.resume());
const own = certificate && key && { cert: readFileSync(certificate), key: readFileSync(key) };
const server = own
  ? createTlsServer({ ...own, requestCert: true, rejectUnauthorized: false }, hold)
  : createServer({ noDelay: true }, hold);
const secureContext = createSecureContext(own || {});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const at = { port: (server.address() as AddressInfo).port, host: '127.0.0.1' };

async function residentWith(more: number): Promise<number> {
  for (let index = 0; index < more; index += 1) {
    const plain = connect({ ...at, noDelay: true });
    if (own) {
      const socket = connectTls({ socket: plain, secureContext, rejectUnauthorized: false });
      await once(socket, 'secureConnect');
      hold(socket);
    } else {
      await once(plain, 'connect');
      hold(plain);
    }
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return process.memoryUsage.rss();
}

const before = await residentWith(Math.ceil(pairs / 10));
console.log((((await residentWith(pairs)) - before) / 1024 / pairs).toFixed(2));
process.exit();
