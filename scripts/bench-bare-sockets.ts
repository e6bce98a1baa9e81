// SPDX-License-Identifier: Apache-2.0
// Prints how many KiB a pair of idle sockets (one accepted, one dialled) takes in Node.
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';

const pairs = Number(process.argv[2] ?? 1_000);
const open: Socket[] = [];
const server = createServer({ noDelay: true }, (socket) => open.push(socket.resume()));
server.listen(0, '127.0.0.1');
await once(server, 'listening');
const address = server.address();
const port = typeof address === 'object' ? (address?.port ?? 0) : 0;

async function hold(count: number): Promise<number> {
  for (let index = 0; index < count; index += 1) {
    const socket = connect({ port, host: '127.0.0.1', noDelay: true });
    await once(socket, 'connect');
    open.push(socket.resume());
  }
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  return process.memoryUsage.rss();
}

const before = await hold(Math.ceil(pairs / 10));
console.log((((await hold(pairs)) - before) / 1024 / pairs).toFixed(2));
process.exit();
