// SPDX-License-Identifier: Apache-2.0
/**
 * The least that a relay in Node does which records before it forwards: two sockets per connection,
 * packet headers followed in both directions, one chained line for each message of the client,
 * written once per turn. Nothing is understood, decided or followed to its end. Prints its port.
 * Usage: node dist/scripts/bench-bare-relay.js <target port> <workers> <directory of its records>
 */
import cluster from 'node:cluster';
import { once } from 'node:events';
import { openSync, writeSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { CHAIN_START, linePrefix } from '../src/audit/chain.ts';
import { LineBatch } from '../src/audit/line-batch.ts';

const [target = '', workers = '1', directory = '.'] = process.argv.slice(2);
const HEADER_BYTES = 4;

/** Passes over packets; knows of each where it ends and nothing else. */
class Packets {
  #left = 0;
  #header = 0;
  #headerBytes = 0;

  pass(chunk: Buffer): void {
    for (let at = 0; at < chunk.length; ) {
      if (this.#left > 0) {
        const inside = Math.min(this.#left, chunk.length - at);
        this.#left -= inside;
        at += inside;
        continue;
      }
      this.#header |= (chunk[at] ?? 0) << (8 * this.#headerBytes);
      this.#headerBytes += 1;
      at += 1;
      if (this.#headerBytes < HEADER_BYTES) continue;
      this.#left = this.#header & 0xffffff;
      this.#header = 0;
      this.#headerBytes = 0;
    }
  }
}

/** Writes what was asked in one turn with one write, and then forwards it. */
class Recorder {
  readonly #file = openSync(`${directory}/bare-relay-${process.pid}.jsonl`, 'w', 0o600);
  readonly #prefix = linePrefix('bare');
  readonly #lines = new LineBatch();
  #queue: { to: Socket; chunk: Buffer }[] = [];
  #position = CHAIN_START;

  forward(to: Socket, chunk: Buffer): void {
    if (this.#queue.push({ to, chunk }) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const queue = this.#queue;
    this.#queue = [];
    const time = new Date().toISOString();
    this.#lines.clear();
    for (const { chunk } of queue) {
      const fields = `"bytes":${chunk.length}`;
      this.#position = this.#lines.add(this.#prefix, this.#position, time, fields);
    }
    writeSync(this.#file, this.#lines.bytes);
    for (const { to, chunk } of queue) to.write(chunk);
  }
}

async function serve(): Promise<void> {
  const recorder = new Recorder();
  const server = createServer({ noDelay: true }, (down) => {
    const up = connect({ host: '127.0.0.1', port: Number(target), noDelay: true });
    const asked = new Packets();
    const answered = new Packets();
    down.on('data', (chunk: Buffer) => {
      asked.pass(chunk);
      recorder.forward(up, chunk);
    });
    up.on('data', (chunk: Buffer) => {
      answered.pass(chunk);
      if (!down.write(chunk)) up.pause();
    });
    down.on('drain', () => up.resume());
    for (const socket of [down, up]) {
      socket.on('error', () => undefined);
      socket.on('close', () => {
        down.destroy();
        up.destroy();
      });
    }
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  process.send?.((server.address() as AddressInfo).port);
}

if (cluster.isPrimary) {
  let port = 0;
  for (let count = 0; count < Number(workers); count += 1) {
    // One after the other: the first chooses the port that all share.
    const [told] = (await once(cluster.fork(), 'message')) as [number];
    port = told;
  }
  console.log(port);
} else await serve();
