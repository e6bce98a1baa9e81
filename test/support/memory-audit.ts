// SPDX-License-Identifier: Apache-2.0
import type { Disk } from '../../src/audit/disk.ts';
import type { AuditSource } from '../../src/audit/source.ts';

type Failure = { readonly code: string; readonly onlyName?: string };

function diskError(code: string): Error {
  return Object.assign(new Error(`${code}: injected`), { code });
}

/** Files in memory with a capacity; fails, writes short and counts on demand. */
export class MemoryDisk implements Disk {
  readonly files = new Map<string, Buffer>();
  readonly calls = { write: 0, sync: 0 };
  capacityBytes = Number.POSITIVE_INFINITY;
  /** A write takes at most so many bytes. */
  maxWriteBytes = Number.POSITIVE_INFINITY;
  failWrites: Failure | undefined;
  failSyncs: Failure | undefined;
  failCreates: Failure | undefined;
  readonly #open = new Map<number, string>();
  #nextFile = 3;

  create(path: string): number {
    if (this.failCreates) throw diskError(this.failCreates.code);
    if (this.files.has(path)) throw diskError('EEXIST');
    return this.open(path);
  }

  open(path: string): number {
    if (!this.files.has(path)) this.files.set(path, Buffer.alloc(0));
    this.#open.set(this.#nextFile, path);
    this.#nextFile += 1;
    return this.#nextFile - 1;
  }

  write(file: number, bytes: Uint8Array, offset: number, position: number): number {
    this.calls.write += 1;
    const path = this.#path(file);
    if (this.failWrites && path.includes(this.failWrites.onlyName ?? '')) {
      throw diskError(this.failWrites.code);
    }
    const old = this.files.get(path) ?? Buffer.alloc(0);
    const wanted = Math.min(bytes.length - offset, this.maxWriteBytes);
    const fits = Math.max(0, old.length + this.#free() - position);
    if (wanted > 0 && fits === 0) throw diskError('ENOSPC');
    const length = Math.min(wanted, fits);
    const size = Math.max(old.length, position + length);
    const next = Buffer.alloc(size);
    old.copy(next);
    next.set(bytes.subarray(offset, offset + length), position);
    this.files.set(path, next);
    return length;
  }

  truncate(file: number, length: number): void {
    const path = this.#path(file);
    this.files.set(path, (this.files.get(path) ?? Buffer.alloc(0)).subarray(0, length));
  }

  async sync(file: number): Promise<void> {
    this.syncNow(file);
  }

  syncNow(file: number): void {
    this.calls.sync += 1;
    this.#path(file);
    if (this.failSyncs) throw diskError(this.failSyncs.code);
  }

  close(file: number): void {
    this.#path(file);
    this.#open.delete(file);
  }

  available(): number {
    return this.#free();
  }

  get openFiles(): number {
    return this.#open.size;
  }

  #free(): number {
    let used = 0;
    for (const bytes of this.files.values()) used += bytes.length;
    return this.capacityBytes - used;
  }

  #path(file: number): string {
    const path = this.#open.get(file);
    if (path === undefined) throw diskError('EBADF');
    return path;
  }
}

/** Paths without a leading slash, as in an audit directory. */
export function memorySource(files: ReadonlyMap<string, Buffer>): AuditSource {
  const bytesOf = (path: string) => files.get(path) ?? Buffer.alloc(0);
  const streams = () => {
    const directories = [...files.keys()].filter((path) => path.includes('/'));
    const names = new Set(directories.map((path) => path.slice(0, path.indexOf('/'))));
    names.delete('policies');
    return [...names].sort();
  };
  return {
    label: '',
    streams,
    rootFiles: () => [...files.keys()].filter((path) => !path.includes('/')).sort(),
    files: (stream) =>
      [...files.keys()]
        .filter((path) => path.startsWith(`${stream}/`))
        .map((path) => path.slice(stream.length + 1))
        .sort(),
    exists: (path) => files.has(path),
    size: (path) => bytesOf(path).length,
    chunks: (path, start = 0) => {
      const bytes = bytesOf(path).subarray(start);
      return bytes.length > 0 ? [bytes] : [];
    },
  };
}
