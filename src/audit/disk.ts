// SPDX-License-Identifier: Apache-2.0
import {
  closeSync,
  constants,
  fdatasync,
  fdatasyncSync,
  fsyncSync,
  ftruncateSync,
  openSync,
  statfsSync,
  unlinkSync,
  writeSync,
} from 'node:fs';

/** The system calls the audit makes on its files; tests put a failing disk in its place. */
export interface Disk {
  /** Creates a file that must not exist (mode 0600) and makes its name durable. */
  create(path: string): number;
  /** Opens or creates a file for writing (mode 0600), keeping its content. */
  open(path: string): number;
  /** Writes at a position; may write less than asked. */
  write(file: number, bytes: Uint8Array, offset: number, position: number): number;
  truncate(file: number, length: number): void;
  sync(file: number): Promise<void>;
  syncNow(file: number): void;
  close(file: number): void;
  /** Bytes an ordinary user may still write to the file system that holds `path`. */
  available(path: string): number;
}

export const nodeDisk: Disk = {
  create(path) {
    const file = openSync(path, 'wx', 0o600);
    try {
      syncParent(path);
    } catch (cause) {
      closeSync(file);
      unlinkSync(path);
      throw cause;
    }
    return file;
  },
  open: (path) => openSync(path, constants.O_CREAT | constants.O_WRONLY, 0o600),
  write: (file, bytes, offset, position) =>
    writeSync(file, bytes, offset, bytes.length - offset, position),
  truncate: ftruncateSync,
  sync: (file) =>
    new Promise((resolve, reject) => {
      fdatasync(file, (error) => (error ? reject(error) : resolve()));
    }),
  syncNow: fdatasyncSync,
  close: closeSync,
  available(path) {
    const { bavail, bsize } = statfsSync(path);
    return bavail * bsize;
  },
};

/** A new name is durable only once its directory is. */
function syncParent(path: string): void {
  const directory = openSync(path.slice(0, path.lastIndexOf('/')) || '/', 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** All of `bytes` at `position`; throws what the disk throws, possibly after a part. */
export function writeAll(disk: Disk, file: number, bytes: Uint8Array, position: number): void {
  for (let done = 0; done < bytes.length; ) {
    const wrote = disk.write(file, bytes, done, position + done);
    // POSIX lets write() return 0; without this line that would be an endless loop.
    if (wrote === 0) throw Object.assign(new Error('nothing was written'), { code: 'ENOSPC' });
    done += wrote;
  }
}
