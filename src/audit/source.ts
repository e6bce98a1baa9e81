// SPDX-License-Identifier: Apache-2.0
import { closeSync, existsSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { PosternError, problemText } from '../model/errors.ts';

/** An audit directory to read; paths are relative to it. Tests hold one in memory. */
export interface AuditSource {
  /** Shown before paths in messages; empty or ending in `/`. */
  readonly label: string;
  readonly streams: () => readonly string[];
  /** Names of the files beside the streams, sorted. */
  readonly rootFiles: () => readonly string[];
  /** Names of the files of a stream, sorted. */
  readonly files: (stream: string) => readonly string[];
  readonly exists: (path: string) => boolean;
  readonly size: (path: string) => number;
  /** The bytes from `start`; a chunk is never changed after it was handed out. */
  readonly chunks: (path: string, start?: number) => Iterable<Buffer>;
}

export const POLICIES_DIRECTORY = 'policies';

const CHUNK_BYTES = 1 << 20;

/** Throws `file-unreadable` when the directory cannot be read; so do its functions. */
export function directorySource(directory: string): AuditSource {
  return {
    label: `${directory}/`,
    streams: () =>
      list(directory, (entry) => entry.isDirectory() && entry.name !== POLICIES_DIRECTORY),
    rootFiles: () => list(directory, (entry) => !entry.isDirectory()),
    files: (stream) => list(`${directory}/${stream}`, () => true),
    exists: (path) => existsSync(`${directory}/${path}`),
    size: (path) => statSync(`${directory}/${path}`).size,
    chunks: (path, start = 0) => fileChunks(`${directory}/${path}`, start),
  };
}

function list(
  directory: string,
  wanted: (entry: { name: string; isDirectory(): boolean }) => boolean,
): string[] {
  try {
    const entries = readdirSync(directory, { withFileTypes: true });
    return entries
      .filter(wanted)
      .map((entry) => entry.name)
      .sort();
  } catch (cause) {
    throw unreadable(directory, cause);
  }
}

/** A whole file, as far as it goes now; throws `file-unreadable`. */
export function* fileChunks(file: string, start = 0): Generator<Buffer> {
  let descriptor: number;
  try {
    descriptor = openSync(file, 'r');
  } catch (cause) {
    throw unreadable(file, cause);
  }
  try {
    for (let position = start; ; ) {
      const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
      const length = readSync(descriptor, chunk, 0, CHUNK_BYTES, position);
      if (length === 0) return;
      position += length;
      yield chunk.subarray(0, length);
    }
  } catch (cause) {
    throw unreadable(file, cause);
  } finally {
    closeSync(descriptor);
  }
}

function unreadable(file: string, cause: unknown): PosternError {
  if (cause instanceof PosternError) return cause;
  return new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
}
