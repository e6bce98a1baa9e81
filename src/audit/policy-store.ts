// SPDX-License-Identifier: Apache-2.0
import { hash as digest } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { PosternError, problemText } from '../model/errors.ts';
import { POLICIES_DIRECTORY } from './source.ts';

/** One file of a declaration, named as rule references name it. */
export interface KeptSource {
  readonly path: string;
  readonly text: string;
}

/** A revision that is kept, and when it was loaded last. */
export interface KeptPolicy {
  readonly revision: string;
  /** Milliseconds since the epoch. */
  readonly loadedAt: number;
}

/**
 * Every policy revision as it was written, by hash, beside the audit: a decision can be explained
 * with the text of its rule long after the rule is gone. Files are written once, never changed.
 */
export class PolicyStore {
  readonly #directory: string;

  constructor(auditDirectory: string) {
    this.#directory = `${auditDirectory}/${POLICIES_DIRECTORY}`;
  }

  /**
   * Keeps the texts (the first ones, when a revision comes again with other comments) and returns
   * the sha256 of the kept file, for the `sources` of the `policy-loaded` event. Throws
   * `audit-unwritable`; then the revision must not be used. The time of the file is that of the
   * last load: retention goes by it.
   */
  save(revision: string, sources: readonly KeptSource[], now: number): string {
    const path = this.#path(revision);
    try {
      mkdirSync(this.#directory, { recursive: true, mode: 0o700 });
      const files = sources.map((source) => ({ path: source.path, text: source.text }));
      const text = `${JSON.stringify({ v: 1, revision, files })}\n`;
      placeOnce(path, text);
      utimesSync(path, now / 1_000, now / 1_000);
      syncDirectory(this.#directory);
      return digest('sha256', readFileSync(path), 'hex');
    } catch (cause) {
      throw new PosternError('audit-unwritable', { path, problem: problemText(cause) }, cause);
    }
  }

  /** Undefined when this revision was never kept. Throws `audit-corrupt` on any other file. */
  load(revision: string): readonly KeptSource[] | undefined {
    const path = this.#path(revision);
    let kept: { revision?: unknown; files?: unknown };
    try {
      kept = JSON.parse(readFileSync(path, 'utf8'));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw new PosternError('audit-corrupt', { path, problem: problemText(cause) }, cause);
    }
    if (kept?.revision !== revision || !Array.isArray(kept.files) || !kept.files.every(isSource)) {
      throw new PosternError('audit-corrupt', { path, problem: 'not a kept policy' });
    }
    return kept.files;
  }

  all(): readonly KeptPolicy[] {
    if (!existsSync(this.#directory)) return [];
    return readdirSync(this.#directory)
      .filter((file) => /^[0-9a-f]{64}\.json$/.test(file))
      .map((file) => ({
        revision: file.slice(0, 64),
        loadedAt: statSync(`${this.#directory}/${file}`).mtimeMs,
      }));
  }

  /** For revisions that no kept record is about. */
  remove(revision: string): void {
    rmSync(this.#path(revision), { force: true });
  }

  #path(revision: string): string {
    // It names a file, so it must be what a revision is and nothing else.
    if (!/^[0-9a-f]{64}$/.test(revision)) {
      throw new PosternError('audit-corrupt', { path: this.#directory, problem: 'bad revision' });
    }
    return `${this.#directory}/${revision}.json`;
  }
}

function isSource(value: unknown): value is KeptSource {
  const source = value as Partial<KeptSource> | null;
  return typeof source?.path === 'string' && typeof source.text === 'string';
}

/** The name appears with all of its content or not at all, and never changes. */
function placeOnce(path: string, text: string): void {
  const draft = `${path}.${process.pid}.tmp`;
  writeFileSync(draft, text, { mode: 0o600, flush: true });
  try {
    linkSync(draft, path);
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') throw cause;
  } finally {
    rmSync(draft, { force: true });
  }
}

function syncDirectory(path: string): void {
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
