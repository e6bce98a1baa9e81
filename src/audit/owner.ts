// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { statSync } from 'node:fs';
import { createServer } from 'node:net';
import { PosternError, problemText } from '../model/errors.ts';

export interface Ownership {
  release(): Promise<void>;
}

/** There is one signer for a directory, however many processes write streams. */
export function ownSigning(directory: string): Promise<Ownership> {
  return ownDirectory(directory, 'signer');
}

/**
 * Makes this process the only one of its name that writes to an audit directory; rejects with
 * `audit-unwritable` while another one does. The kernel holds the claim (an abstract Unix socket,
 * named after the directory's inode) and gives it up with the process, however that ends: no file
 * is left that somebody would have to judge. Linux only, and within one network namespace: two
 * containers with one volume are not told apart (docs/limitations.md).
 */
export async function ownDirectory(directory: string, worker: string): Promise<Ownership> {
  if (process.platform !== 'linux') return { release: () => Promise.resolve() };
  const { dev, ino } = statSync(directory, { bigint: true });
  const digest = createHash('sha256').update(`${dev}:${ino}:${worker}`).digest('hex');
  const server = createServer((socket) => socket.destroy());
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause: NodeJS.ErrnoException) => {
      const taken = cause.code === 'EADDRINUSE';
      const problem = taken ? `another process is writing to it as ${worker}` : problemText(cause);
      reject(new PosternError('audit-unwritable', { path: directory, problem }, cause));
    });
    server.listen({ path: `\0postern-audit-${digest.slice(0, 40)}` }, resolve);
  });
  server.unref();
  return { release: () => new Promise((resolve) => server.close(() => resolve())) };
}
