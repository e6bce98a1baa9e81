// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../model/errors.ts';

/** `db.example:3306`, `[::1]:3306`. Throws `usage`. */
export function endpoint(text: string): { host: string; port: number } {
  const found = /^(?:\[([0-9a-fA-F:]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  if (!found) {
    throw new PosternError('usage', { problem: `"${text}" is not host:port.` });
  }
  return { host: found[1] ?? found[2] ?? '', port: portNumber(found[3] ?? '') };
}

/** Throws `usage`. */
export function portNumber(text: string): number {
  const port = Number(text);
  if (/^\d{1,5}$/.test(text) && port <= 65_535) return port;
  throw new PosternError('usage', { problem: `"${text}" is not a port.` });
}
