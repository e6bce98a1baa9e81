// SPDX-License-Identifier: Apache-2.0
import { median } from './median.ts';
import type { SoakReport } from './soak-load.ts';

/** How long a change of the declaration may take to be in force everywhere. */
const IN_FORCE_MS = 5_000;
const SHOWN = 10;
/** Memory of the last quarter of the time above that of the second quarter. */
const GROWTH_LIMIT = 1.1;
/** A shorter run still fills caches and says nothing about memory. */
const MEMORY_SECONDS = 120;

interface Turn {
  readonly atMs: number;
  readonly without: string | undefined;
}

/** Matches what happened with what should have. */
export class Verdict {
  readonly #revoked: readonly string[];
  readonly #turns: Turn[] = [];
  readonly #problems: string[] = [];
  readonly #samples: { readonly bytes: number; readonly seconds: number }[] = [];
  #problemCount = 0;
  #done = 0;
  #denied = 0;
  #judged = { refused: 0, served: 0 };

  constructor(revoked: readonly string[]) {
    this.#revoked = revoked;
  }

  get good(): boolean {
    return this.#problemCount === 0;
  }

  /** From now on this principal has no Grant, and the others have. */
  revoke(without: string | undefined, atMs: number): void {
    this.#turns.push({ atMs, without });
  }

  take(report: SoakReport): void {
    if (report.kind === 'tally') {
      this.#done = report.done;
      this.#denied = report.denied;
    }
    if (report.kind === 'wrong') this.#problem(`${report.principal}: ${report.problem}`);
    if (report.kind === 'request') this.#judge(report);
  }

  /** Only requests that lie wholly in a time in which the answer is settled. */
  #judge(request: Extract<SoakReport, { kind: 'request' }>): void {
    const { principal, from, to, problem } = request;
    const settled = this.#turns.filter(({ atMs }) => atMs <= to).at(-1);
    const before = this.#turns.filter(({ atMs }) => atMs <= from - IN_FORCE_MS).at(-1);
    const between = this.#turns.filter(({ atMs }) => atMs > from - IN_FORCE_MS && atMs <= to);
    const without = (turn: Turn | undefined) => turn?.without === principal;
    const changes = between.some((turn) => without(turn) !== without(before));
    if (changes) return;
    if (without(settled)) {
      this.#judged.refused += 1;
      if (problem === undefined) this.#problem(`${principal} was served without a Grant`);
      return;
    }
    this.#judged.served += 1;
    if (problem !== undefined) this.#problem(`${principal}, which has its Grant: ${problem}`);
  }

  memory(bytes: number, seconds: number): void {
    this.#samples.push({ bytes, seconds });
  }

  leftBehind(accounts: readonly string[]): void {
    for (const account of accounts) this.#problem(`left on the database: ${account}`);
  }

  audit(faults: readonly string[]): void {
    for (const fault of faults) this.#problem(`the audit: ${fault}`);
  }

  gatewaySaid(output: string): void {
    for (const line of output.split('\n')) {
      if (line.includes('"level":"error"')) this.#problem(`the gateway: ${line}`);
    }
  }

  line(): string {
    const mib = Math.round((this.#samples.at(-1)?.bytes ?? 0) / 1024 ** 2);
    const seconds = Math.round(this.#samples.at(-1)?.seconds ?? 0);
    return `${seconds} s: ${this.#done} requests, ${this.#problemCount} problems, ${mib} MiB`;
  }

  print(connections: number, seconds: number): string {
    const growth = this.#growth();
    if (seconds >= MEMORY_SECONDS && growth > GROWTH_LIMIT) {
      this.#problem(`memory grew to ${growth.toFixed(2)} of what it was`);
    }
    const { refused, served } = this.#judged;
    const lines = [
      `connections                    ${connections}`,
      `seconds                        ${seconds}`,
      `requests that succeeded        ${this.#done}`,
      `forbidden ones, denied         ${this.#denied}`,
      `reloads                        ${this.#turns.length}`,
      `requests of ${this.#revoked.join(', ')}: refused without a Grant ${refused}, served with it ${served}`,
      `memory, MiB                    ${this.#memoryText()}`,
      `memory, end against begin      ${growth.toFixed(2)}`,
      `problems                       ${this.#problemCount}`,
    ];
    if (refused === 0 || served === 0) this.#problem('no revocation was seen: too short a run');
    return [...lines, ...this.#problems.map((text) => `  ! ${text}`)].join('\n');
  }

  /** Medians of the last and the second quarter: the first one fills caches. */
  #growth(): number {
    const all = this.#samples.map(({ bytes }) => bytes);
    const quarter = Math.max(1, Math.floor(all.length / 4));
    const before = median(all.slice(quarter, 2 * quarter)) ?? 0;
    return before > 0 ? (median(all.slice(-quarter)) ?? 0) / before : 1;
  }

  #memoryText(): string {
    const step = Math.max(1, Math.floor(this.#samples.length / 8));
    const shown = this.#samples.filter((_, index) => index % step === 0);
    return shown.map(({ bytes }) => Math.round(bytes / 1024 ** 2)).join(' ');
  }

  #problem(text: string): void {
    this.#problemCount += 1;
    if (this.#problems.length < SHOWN) this.#problems.push(text.slice(0, 400));
  }
}
