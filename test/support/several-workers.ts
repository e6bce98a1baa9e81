// SPDX-License-Identifier: Apache-2.0
import { readdirSync, readFileSync } from 'node:fs';
import { request } from 'node:http';
import type { Connection, ConnectionOptions } from 'mysql2/promise';
import { withToken } from './drivers.ts';
import { GatewayProcess } from './gateway-process.ts';
import { until, World, type WorldOptions } from './world.ts';
import { recordTexts, workerOf } from './write-load.ts';

/** Longest wait for a worker to be replaced; it starts a Node process on a busy machine. */
const REPLACED_MS = 20_000;
/** What a revocation may take; a machine that is busy with other tests gets some more. */
export const REVOKED_MS = 5_000 + 1_500;

type Options = WorldOptions & {
  readonly ports?: { readonly token: number };
  /** The audit keeps the texts of statements. */
  readonly texts?: true;
};

/** A Grant that comes and goes. */
const GUESTS = `---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: guests, namespace: data}
spec:
  subjects: [{group: {provider: people, id: guests}}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-writer
`;

/** `postern serve` with several worker processes, and what it protects. */
export class SeveralWorkers {
  readonly world: World;
  readonly count: number;
  gateway: GatewayProcess;
  readonly #open = new Set<Connection>();

  private constructor(world: World, gateway: GatewayProcess, count: number) {
    this.world = world;
    this.gateway = gateway;
    this.count = count;
  }

  static async start(count: number, options: Options = {}): Promise<SeveralWorkers> {
    const { ports, texts, ...more } = options;
    const settings = `workers: ${count}\n${options.settings ?? ''}`;
    const world = await World.start({ ...more, gateway: false, settings });
    try {
      if (texts) recordTexts(world);
      if (ports) world.write('postern.yaml', world.settingsText(ports));
      const gateway = await GatewayProcess.start(world.path('postern.yaml'));
      return new SeveralWorkers(world, gateway, count);
    } catch (thrown) {
      await world.stop();
      throw thrown;
    }
  }

  /** The worker processes: children of the gateway besides the signer. */
  get workers(): readonly number[] {
    const { pid } = this.gateway.child;
    return childrenOf(pid ?? 0).filter((child) => !/signer\.\w+/.test(commandOf(child)));
  }

  async person(
    name: string,
    group = 'analysts',
    more: Partial<ConnectionOptions> = {},
  ): Promise<Connection> {
    const token = this.world.token(name, [group]);
    const connection = await withToken(this.world, token, {
      port: this.gateway.port('token'),
      ...more,
    });
    connection.on('error', () => undefined);
    this.#open.add(connection);
    return connection;
  }

  /** Connections of one principal, one on each worker. */
  async onEachWorker(name: string, group = 'analysts'): Promise<readonly Connection[]> {
    const found = new Map<number, Connection>();
    for (let tries = 0; found.size < this.count; tries += 1) {
      if (tries > 40) throw new Error(`only workers ${[...found.keys()].join()} take connections`);
      const connection = await this.person(name, group);
      const worker = workerOf(connection.threadId);
      if (found.has(worker)) await this.close(connection);
      else found.set(worker, connection);
    }
    return [...found.values()];
  }

  async close(...connections: readonly Connection[]): Promise<void> {
    for (const connection of connections) {
      this.#open.delete(connection);
      await connection.end().catch(() => connection.destroy());
    }
  }

  /** Writes a declaration with or without a Grant for the group `guests`. */
  declareGuests(granted: boolean): void {
    this.world.writePolicy(this.world.policyText(granted ? GUESTS : ''));
  }

  /** The same, and waits until it is in force. */
  async admitGuests(granted: boolean): Promise<void> {
    this.declareGuests(granted);
    const inForce = async () => {
      const guest = await this.person('usher', 'guests').catch(() => undefined);
      if (guest) await this.close(guest);
      return (guest !== undefined) === granted;
    };
    await until(inForce, REVOKED_MS, 'the declaration is in force');
  }

  /** Those that still work. */
  async working(connections: readonly Connection[]): Promise<readonly Connection[]> {
    const answers = await Promise.allSettled(connections.map((one) => one.query('SELECT 1')));
    return connections.filter((_, at) => answers[at]?.status === 'fulfilled');
  }

  /** Stops a worker as if it hung; found by a probe that gets no answer. */
  async stall(worker: number): Promise<number> {
    const all = await this.onEachWorker('prober');
    const probe = all.find(({ threadId }) => workerOf(threadId) === worker);
    if (!probe) throw new Error(`there is no worker ${worker}`);
    for (const pid of this.workers) {
      tell(pid, 'SIGSTOP');
      const answer = probe.query('SELECT 1').then(
        () => 'answered',
        () => 'lost',
      );
      const silence = new Promise((resolve) => setTimeout(resolve, 500));
      if ((await Promise.race([answer, silence])) === undefined) return pid;
      tell(pid, 'SIGCONT');
    }
    throw new Error(`no process is worker ${worker}`);
  }

  /** Waits until as many workers serve as should, none of them this one. */
  async replaced(pid: number): Promise<void> {
    const complete = () => !this.workers.includes(pid) && this.workers.length === this.count;
    await until(complete, REPLACED_MS, `worker ${pid} is replaced\n${this.gateway.output}`);
    const serving = async () => {
      const answer = await fetch(`${this.gateway.probes}/readyz`);
      return ((await answer.json()) as { workers: number }).workers === this.count;
    };
    await until(serving, REPLACED_MS, 'all workers serve').catch((thrown: Error) => {
      throw new Error(`${thrown.message}\n${this.gateway.output}`);
    });
  }

  /** The administration API, as an operator. */
  administration(
    method: 'GET' | 'POST',
    path: string,
  ): Promise<{ readonly status: number; readonly body: Record<string, unknown> }> {
    const headers = { authorization: `Bearer ${this.world.token('olga', ['operators'])}` };
    const options = { socketPath: this.world.path('postern.sock'), method, path, headers };
    return new Promise((resolve, reject) => {
      request(options, async (response) => {
        const chunks: Buffer[] = [];
        for await (const chunk of response) chunks.push(chunk as Buffer);
        const body = JSON.parse(Buffer.concat(chunks).toString()) as Record<string, unknown>;
        resolve({ status: response.statusCode ?? 0, body });
      })
        .on('error', reject)
        .end();
    });
  }

  async stop(): Promise<void> {
    for (const connection of this.#open) connection.destroy();
    // A worker that a failed test left stopped would never end by itself.
    for (const pid of this.workers) tell(pid, 'SIGCONT');
    await this.gateway.kill();
    await this.world.stop();
  }
}

/** A signal to a process that may be gone already. */
export function tell(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ESRCH') throw thrown;
  }
}

/** Whether the process is there and not merely a zombie. */
export function isAlive(pid: number): boolean {
  const state = readProc(pid, 'stat').replace(/^.*\) /, '')[0];
  return state !== undefined && state !== 'Z';
}

function childrenOf(pid: number): readonly number[] {
  const children: number[] = [];
  for (const entry of readdirSync('/proc')) {
    if (!/^\d+$/.test(entry)) continue;
    const [, state, parent] = /^.*\) (\S) (\d+)/.exec(readProc(Number(entry), 'stat')) ?? [];
    if (Number(parent) === pid && state !== 'Z') children.push(Number(entry));
  }
  return children;
}

function commandOf(pid: number): string {
  return readProc(pid, 'cmdline').replaceAll('\0', ' ');
}

/** Empty when the process has ended. */
function readProc(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'utf8');
  } catch {
    return '';
  }
}
