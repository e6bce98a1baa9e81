// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { until } from './world.ts';

const MAIN = fileURLToPath(import.meta.url).replace(
  /test\/support\/gateway-process(\.\w+)$/,
  'src/main$1',
);

/** `postern serve` as a process of its own. */
export class GatewayProcess {
  readonly child: ChildProcess;
  /** Everything it printed, on either stream. */
  output = '';
  readonly #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }>;

  private constructor(config: string) {
    this.child = spawn(process.execPath, [MAIN, 'serve', '--config', config], {
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    for (const stream of [this.child.stdout, this.child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.output += text;
      });
    }
    this.#exit = once(this.child, 'exit').then(([code, signal]) => ({ code, signal }));
  }

  /** Waits until targets are ready; rejects with its output when it ends or takes too long. */
  static async start(config: string): Promise<GatewayProcess> {
    const gateway = new GatewayProcess(config);
    try {
      await until(() => gateway.#up !== undefined || gateway.ended, 15_000, 'it is up');
      await until(() => gateway.ended || gateway.#isReady(), 15_000, 'it is ready');
      if (gateway.ended) throw new Error('it has ended');
      return gateway;
    } catch (thrown) {
      gateway.child.kill('SIGKILL');
      throw new Error(`the gateway did not start\n${gateway.output}`, { cause: thrown });
    }
  }

  get ended(): boolean {
    return this.child.exitCode !== null || this.child.signalCode !== null;
  }

  get exit(): Promise<{ code: number | null; signal: NodeJS.Signals | null }> {
    return this.#exit;
  }

  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<{ code: number | null }> {
    if (!this.ended) this.child.kill(signal);
    return this.#exit;
  }

  /** Port of a listener that was given as 0. */
  port(listener: string): number {
    return Number(this.#up?.listeners[listener]?.split(':').at(-1));
  }

  /** `http://host:port` of /readyz and /metrics. */
  get probes(): string {
    return `http://${this.#up?.probes}`;
  }

  get #up(): { listeners: Record<string, string>; probes: string } | undefined {
    const line = this.output.split('\n').find((text) => text.includes('"the gateway is up"'));
    return line === undefined ? undefined : JSON.parse(line);
  }

  async #isReady(): Promise<boolean> {
    const answer = await fetch(`${this.probes}/readyz`).catch(() => undefined);
    return answer?.status === 200;
  }
}
