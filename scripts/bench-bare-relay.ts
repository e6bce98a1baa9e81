// SPDX-License-Identifier: Apache-2.0
/**
 * The least that a relay in Node does which records before it forwards: two sockets per connection,
 * packet headers followed in both directions, a chained line of the size of Postern's for each
 * question and each answer, written once per turn. Nothing is understood, decided or followed to its
 * end. Prints its port.
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
/** Without what the chain adds: what Postern says of a point select, and of its answer. */
const QUESTION = `"text":"${'q'.repeat(660)}"`;
const ANSWER = `"text":"${'a'.repeat(80)}"`;

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

/** Writes the records of one turn with one write, and then forwards what they speak of. */
class Recorder {
  readonly #file = openSync(`${directory}/bare-relay-${process.pid}.jsonl`, 'w', 0o600);
  readonly #prefix = linePrefix('bare');
  readonly #lines = new LineBatch();
  #queue: { from: Socket; to: Socket; chunk: Buffer; fields: string }[] = [];
  #position = CHAIN_START;

  forward(from: Socket, to: Socket, chunk: Buffer, fields: string): void {
    if (this.#queue.push({ from, to, chunk, fields }) === 1) setImmediate(() => this.#flush());
  }

  #flush(): void {
    const queue = this.#queue;
    this.#queue = [];
    const time = new Date().toISOString();
    this.#lines.clear();
    for (const { fields } of queue) {
      this.#position = this.#lines.add(this.#prefix, this.#position, time, fields);
    }
    writeSync(this.#file, this.#lines.bytes);
    for (const { from, to, chunk } of queue) if (!to.write(chunk)) from.pause();
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
      recorder.forward(down, up, chunk, QUESTION);
    });
    up.on('data', (chunk: Buffer) => {
      answered.pass(chunk);
      recorder.forward(up, down, chunk, ANSWER);
    });
    down.on('drain', () => up.resume());
    up.on('drain', () => down.resume());
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
