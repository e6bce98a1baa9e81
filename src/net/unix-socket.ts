// SPDX-License-Identifier: Apache-2.0
import { lstatSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { connect } from 'node:net';
import { dirname } from 'node:path';
import { PosternError, problemText } from '../model/errors.ts';

/** sun_path of Linux, without its closing NUL; longer paths are cut by some systems. */
const MAX_PATH_BYTES = 107;

/**
 * Makes way for a socket of ours. What a dead process left is removed; a live socket, or anything
 * that is no socket, is `listen-failed`.
 */
export async function removeStaleSocket(path: string): Promise<void> {
  const fail = (problem: string) => new PosternError('listen-failed', { address: path, problem });
  if (Buffer.byteLength(path) > MAX_PATH_BYTES) {
    throw fail(`the path of a Unix socket has at most ${MAX_PATH_BYTES} bytes`);
  }
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (!found) return;
  if (!found.isSocket()) throw fail('there is a file of that name that is no socket');
  if (await answers(path)) throw fail('another process is listening on this socket');
  rmSync(path, { force: true });
}

/**
 * The folder of a socket on which nobody else may be: it is made if it is missing, and must belong
 * to this user and be closed to all others.
 */
export function requirePrivateFolder(path: string): void {
  const folder = dirname(path);
  const fail = (problem: string, cause?: unknown) =>
    new PosternError('listen-failed', { address: path, problem }, cause);
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw fail(problemText(cause), cause);
  }
  const { uid, mode } = statSync(folder);
  if (uid === process.getuid?.() && (mode & 0o077) === 0) return;
  const octal = (mode & 0o777).toString(8);
  throw fail(`${folder} must belong to this user and be closed to others (chmod 700), is ${octal}`);
}

function answers(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}
