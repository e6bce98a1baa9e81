// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import { PosternError, problemText } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { AuthorityState, Generation } from './authority-state.ts';

const STATE_FILE = 'authority.json';
const FORBIDDEN_MODE = 0o027;

/** A certificate and its key as PEM files. */
export interface PairPaths {
  readonly certificate: string;
  readonly key: string;
}

/**
 * The files of an authority: numbered pairs that never change once written, and what is replaced
 * as a whole: the state, the bundle and the server certificate.
 */
export class AuthorityDirectory {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** PEM roots that peers should trust: what `Cluster.spec.bundle` points to. */
  get bundle(): string {
    return join(this.path, 'bundle.pem');
  }

  /** TLS of the authority's own listener. */
  get server(): PairPaths {
    return this.#pair('server');
  }

  root(number: number): PairPaths {
    return this.#pair(`root-${number}`);
  }

  intermediate(number: number): PairPaths {
    return this.#pair(`intermediate-${number}`);
  }

  get exists(): boolean {
    return existsSync(join(this.path, STATE_FILE));
  }

  /** Throws `authority-unusable`. */
  state(): AuthorityState {
    const state = this.#attempt(() => {
      if (!this.exists) throw new Error('there is none; postern ca init makes one');
      return JSON.parse(readFileSync(join(this.path, STATE_FILE), 'utf8')) as unknown;
    });
    if (isState(state)) return state;
    throw new PosternError('authority-unusable', {
      directory: this.path,
      problem: `${STATE_FILE} is not the state of an authority`,
    });
  }

  create(): void {
    this.#attempt(() => mkdirSync(this.path, { recursive: true, mode: 0o700 }));
  }

  /** The last thing that a step does: until here the files that came before mean nothing. */
  saveState(state: AuthorityState): void {
    this.replace(join(this.path, STATE_FILE), `${JSON.stringify(state, undefined, 2)}\n`, 0o644);
    this.replace(this.bundle, this.bundleOf(state.generations), 0o644);
  }

  bundleOf(generations: readonly Generation[]): string {
    return generations.map(({ root }) => this.readCertificate(this.root(root))).join('');
  }

  readCertificate({ certificate }: PairPaths): string {
    return this.#attempt(() => readFileSync(certificate, 'utf8'));
  }

  /** Throws `authority-unusable` also for a key that others can read. */
  readKey({ key }: Pick<PairPaths, 'key'>): Secret {
    return this.#attempt(() => {
      const mode = statSync(key).mode & 0o777;
      if ((mode & FORBIDDEN_MODE) !== 0) {
        throw new Error(`${key} has mode ${mode.toString(8)}, others must have no access`);
      }
      return new Secret(readFileSync(key, 'utf8'));
    });
  }

  /** Key first: a certificate without its key would be of no use to anybody. */
  writePair(paths: PairPaths, certPem: string, keyPem: Secret): void {
    this.replace(paths.key, keyPem.reveal(), 0o600);
    this.replace(paths.certificate, certPem, 0o644);
  }

  /** Durable before it gets its name, so that a crash leaves the old file or the new one. */
  replace(path: string, text: string, mode: number): void {
    this.#attempt(() => {
      const temporary = `${path}.new`;
      rmSync(temporary, { force: true });
      const file = openSync(temporary, 'wx', mode);
      try {
        writeSync(file, text);
        fsyncSync(file);
      } finally {
        closeSync(file);
      }
      renameSync(temporary, path);
    });
  }

  #pair(name: string): PairPaths {
    return {
      certificate: join(this.path, `${name}.pem`),
      key: join(this.path, `${name}-key.pem`),
    };
  }

  #attempt<T>(action: () => T): T {
    try {
      return action();
    } catch (cause) {
      const problem = problemText(cause);
      throw new PosternError('authority-unusable', { directory: this.path, problem }, cause);
    }
  }
}

function isState(value: unknown): value is AuthorityState {
  const state = value as Partial<AuthorityState> | null;
  return (
    state?.version === 1 &&
    typeof state.trustDomain === 'string' &&
    Number.isSafeInteger(state.intermediates) &&
    Array.isArray(state.serverNames) &&
    Array.isArray(state.generations) &&
    state.generations.length > 0 &&
    state.generations.every(isGeneration) &&
    state.generations.some(({ activatedAt }) => activatedAt !== undefined)
  );
}

function isGeneration(value: unknown): value is Generation {
  const { root, intermediate, publishedAt, activatedAt } = (value ?? {}) as Partial<Generation>;
  const isTime = (text: unknown) => typeof text === 'string' && !Number.isNaN(Date.parse(text));
  return (
    Number.isSafeInteger(root) &&
    Number.isSafeInteger(intermediate) &&
    isTime(publishedAt) &&
    (activatedAt === undefined || isTime(activatedAt))
  );
}
