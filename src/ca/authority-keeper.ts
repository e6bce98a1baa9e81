// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { isIP } from 'node:net';
import { type Authority, createAuthority, openAuthority } from '../identity/authority.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { AuthorityDirectory, PairPaths } from './authority-directory.ts';
import {
  type AuthorityState,
  type Generation,
  type Step,
  type StepVerdict,
  signing,
  verdictOn,
  waiting,
} from './authority-state.ts';

const DAY_MS = 86_400_000;
const INTERMEDIATE_LIFE_MS = 365 * DAY_MS;
const SERVER_LIFE_MS = 365 * DAY_MS;

export interface KeeperOptions {
  readonly directory: AuthorityDirectory;
  readonly clock: Clock;
  /** Where the key of the root in question is, when it is not beside its certificate. */
  readonly rootKey?: string;
}

/**
 * Makes and renews an authority's own certificates. Each step does what is missing and nothing
 * twice, so it may be repeated after a failure. It needs the root's key, and is run by hand; the
 * process that serves never does any of this.
 */
export class AuthorityKeeper {
  readonly #directory: AuthorityDirectory;
  readonly #clock: Clock;
  readonly #rootKey: string | undefined;

  constructor(options: KeeperOptions) {
    this.#directory = options.directory;
    this.#clock = options.clock;
    this.#rootKey = options.rootKey;
  }

  /** Throws `usage` when there is an authority already. */
  async init(trustDomain: string, serverNames: readonly string[]): Promise<AuthorityState> {
    const directory = this.#directory;
    if (directory.exists) {
      const problem = `There is an authority in ${directory.path} already; nothing was changed.`;
      throw new PosternError('usage', { problem });
    }
    directory.create();
    const now = this.#now();
    const first = { root: 1, intermediate: 1, publishedAt: now, activatedAt: now };
    const [generations, intermediates] = [[first], 1];
    const state = { version: 1, trustDomain, serverNames, generations, intermediates } as const;
    const root = await this.#makeRoot(1, trustDomain);
    await this.#makeIntermediate(root, 1, trustDomain);
    await this.#makeServer(root, serverNames);
    directory.saveState(state);
    return state;
  }

  /** A new intermediate and server certificate below the present root, past half of their lives. */
  async rotate(
    force = false,
  ): Promise<{ readonly intermediate: boolean; readonly server: boolean }> {
    const state = this.#directory.state();
    const { root, intermediate } = signing(state);
    const due = {
      intermediate: force || this.#isPastHalf(this.#directory.intermediate(intermediate)),
      server: state.serverNames.length > 0 && (force || this.#isPastHalf(this.#directory.server)),
    };
    if (!due.intermediate && !due.server) return due;
    const authority = await this.#openRoot(root);
    if (due.server) await this.#makeServer(authority, state.serverNames);
    if (due.intermediate) {
      const number = state.intermediates + 1;
      await this.#makeIntermediate(authority, number, state.trustDomain);
      const generations = state.generations.map((one) =>
        one.root === root ? { ...one, intermediate: number } : one,
      );
      this.#directory.saveState({ ...state, generations, intermediates: number });
    }
    return due;
  }

  /** Does a step of a rollover when it is due, or `anyway`; answers how it stood before. */
  async roll(step: Step, anyway = false): Promise<StepVerdict> {
    const state = this.#directory.state();
    const verdict = verdictOn(step, state, this.#clock.now());
    if (verdict.is === 'done') this.#directory.saveState(state);
    if (verdict.is !== 'due' && !(verdict.is === 'early' && anyway)) return verdict;
    if (step === 'publish') await this.#publish(state);
    else if (step === 'activate') await this.#activate(state);
    else this.#finish(state);
    return { is: 'due' };
  }

  async #publish(state: AuthorityState): Promise<void> {
    const next = Math.max(...state.generations.map(({ root }) => root)) + 1;
    const number = state.intermediates + 1;
    const root = await this.#makeRoot(next, state.trustDomain);
    await this.#makeIntermediate(root, number, state.trustDomain);
    const added: Generation = { root: next, intermediate: number, publishedAt: this.#now() };
    const generations = [...state.generations, added];
    this.#directory.saveState({ ...state, generations, intermediates: number });
  }

  async #activate(state: AuthorityState): Promise<void> {
    const next = waiting(state);
    if (!next) return;
    // Before it signs: agents must be able to reach it with the root they were told of.
    await this.#makeServer(await this.#openRoot(next.root), state.serverNames);
    const activatedAt = this.#now();
    const generations = state.generations.map((one) =>
      one === next ? { ...one, activatedAt } : one,
    );
    this.#directory.saveState({ ...state, generations });
  }

  #finish(state: AuthorityState): void {
    this.#directory.saveState({ ...state, generations: [signing(state)] });
  }

  async #makeRoot(number: number, trustDomain: string): Promise<Authority> {
    const commonName = `Postern root ${number}`;
    const name = { commonName, organization: trustDomain, pathLength: 1 };
    const root = await createAuthority(name, this.#clock);
    this.#directory.writePair(this.#directory.root(number), root.certPem, root.keyPem);
    return root;
  }

  async #makeIntermediate(root: Authority, number: number, trustDomain: string): Promise<void> {
    const made = await root.intermediate({
      commonName: `Postern intermediate ${number}`,
      organization: trustDomain,
      pathLength: 0,
      onlyUriHost: trustDomain,
      notAfter: this.#within(root, INTERMEDIATE_LIFE_MS),
    });
    this.#directory.writePair(this.#directory.intermediate(number), made.certPem, made.keyPem);
  }

  /** By the root: the intermediate may only name workloads. */
  async #makeServer(root: Authority, names: readonly string[]): Promise<void> {
    if (names.length === 0) return;
    const made = await root.issue({
      dnsNames: names.filter((name) => isIP(name) === 0),
      ipAddresses: names.filter((name) => isIP(name) !== 0),
      usages: ['server'],
      notAfter: this.#within(root, SERVER_LIFE_MS),
    });
    this.#directory.writePair(this.#directory.server, made.chainPem, made.keyPem);
  }

  async #openRoot(number: number): Promise<Authority> {
    const paths = this.#directory.root(number);
    const key = this.#rootKey ?? paths.key;
    const keyPem = this.#directory.readKey({ key });
    const certPem = this.#directory.readCertificate(paths);
    return openAuthority({ certPem, keyPem }, this.#clock).catch((cause: unknown) => {
      const problem = `${key} as the key of root ${number}: ${problemText(cause)}`;
      throw new PosternError(
        'authority-unusable',
        { directory: this.#directory.path, problem },
        cause,
      );
    });
  }

  #isPastHalf(paths: PairPaths): boolean {
    const { validFrom, validTo } = new X509Certificate(this.#directory.readCertificate(paths));
    return this.#clock.now() >= (Date.parse(validFrom) + Date.parse(validTo)) / 2;
  }

  #within(root: Authority, lifeMs: number): Date {
    const end = Date.parse(new X509Certificate(root.certPem).validTo);
    return new Date(Math.min(end, this.#clock.now() + lifeMs));
  }

  #now(): string {
    return new Date(this.#clock.now()).toISOString();
  }
}
