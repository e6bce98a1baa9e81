// SPDX-License-Identifier: Apache-2.0
import { deepEqual } from 'node:assert/strict';
import { runCliProcess } from './cli-process.ts';
import type { World } from './world.ts';

export interface Ticket {
  readonly user: string;
  readonly password: string;
  readonly target: string;
  readonly principal: string;
  readonly expiresAt: number;
}

/** Listeners on which tickets work without TLS; the socket is `tickets/orders.sock` of the world. */
export const TICKET_LISTENERS = [
  "{name: plain, address: '127.0.0.1:0', protocol: mysql, accept: Plain, target: data/orders}",
  "{name: socket, address: 'unix:tickets/orders.sock', protocol: mysql, accept: Plain, target: data/orders}",
];

/** `postern ticket ...` with a token, as a process. */
export function runTicket(world: World, token: string, words: readonly string[]) {
  const env = { POSTERN_TOKEN: token };
  return runCliProcess(['ticket', ...words], { cwd: world.directory, env });
}

export async function ticketFor(
  world: World,
  token: string,
  words: readonly string[] = [],
): Promise<Ticket> {
  const given = await runTicket(world, token, ['--to', 'orders', '--json', ...words]);
  deepEqual([given.err, given.code], ['', 0]);
  return JSON.parse(given.out) as Ticket;
}
