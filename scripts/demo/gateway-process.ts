// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';

const READY_LIMIT_MS = 20_000;
const STOP_LIMIT_MS = 8_000;

/** `postern serve` as a process of its own, as it runs anywhere else. */
export class GatewayProcess {
  readonly #child: ChildProcess;
  #listeners: ReadonlyMap<string, number> = new Map();
  #lastLines: string[] = [];

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /** Starts it in `directory` (its log goes to `gateway.log` there); resolves when it is ready. */
  static async start(main: string, directory: string): Promise<GatewayProcess> {
    const child = spawn(process.execPath, [main, 'serve', '--config', 'postern.yaml'], {
      cwd: directory,
      stdio: ['ignore', 'ignore', 'pipe'],
      // Ctrl-C is for the demo alone, which then stops the gateway before its database.
      detached: true,
    });
    const gateway = new GatewayProcess(child);
    process.once('exit', gateway.#kill);
    try {
      await gateway.#ready(join(directory, 'gateway.log'));
      return gateway;
    } catch (thrown) {
      await gateway.stop();
      throw thrown;
    }
  }

  readonly #kill = () => {
    if (this.#child.exitCode === null) this.#child.kill('SIGKILL');
  };

  get lastLines(): string {
    return this.#lastLines.join('\n');
  }

  port(listener: string): number {
    const port = this.#listeners.get(listener);
    if (port === undefined) throw new Error(`the gateway has no listener ${listener}`);
    return port;
  }

  async #ready(logFile: string): Promise<void> {
    const probes = await this.#probeAddress(logFile);
    const end = Date.now() + READY_LIMIT_MS;
    for (;;) {
      const state = await fetch(`http://${probes}/readyz`);
      const text = await state.text();
      if (state.ok) return;
      if (Date.now() > end) throw new Error(`the gateway is not ready: ${text}`);
      await new Promise((resolve) => setTimeout(resolve, 30));
    }
  }

  /** Ports are free ones, so the gateway says in its log which it took. */
  #probeAddress(logFile: string): Promise<string> {
    const { stderr } = this.#child;
    if (!stderr) throw new Error('the gateway has no log');
    stderr.pipe(createWriteStream(logFile, { mode: 0o600 }));
    const fail = (why: string) => new Error(`the gateway ${why}\n${this.lastLines}`);
    return new Promise((resolve, reject) => {
      const limit = setTimeout(() => reject(fail('does not come up')), READY_LIMIT_MS);
      this.#child.once('error', (cause) => reject(fail(`cannot be started: ${cause.message}`)));
      this.#child.once('close', (code) => {
        clearTimeout(limit);
        reject(fail(`ended with code ${code}`));
      });
      createInterface({ input: stderr }).on('line', (line) => {
        this.#lastLines = [...this.#lastLines.slice(-9), line];
        const found = upMessage(line);
        if (!found) return;
        clearTimeout(limit);
        this.#listeners = new Map(
          Object.entries(found.listeners).map(([name, at]) => [name, Number(at.split(':').at(-1))]),
        );
        resolve(found.probes);
      });
    });
  }

  /** Lets it drain; a gateway that does not end is killed. */
  async stop(): Promise<void> {
    process.removeListener('exit', this.#kill);
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGTERM');
    const limit = setTimeout(() => this.#child.kill('SIGKILL'), STOP_LIMIT_MS);
    await gone;
    clearTimeout(limit);
  }
}

interface UpMessage {
  readonly listeners: Readonly<Record<string, string>>;
  readonly probes: string;
}

function upMessage(line: string): UpMessage | undefined {
  if (!line.includes('the gateway is up')) return undefined;
  return JSON.parse(line) as UpMessage;
}
