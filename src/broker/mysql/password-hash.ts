// SPDX-License-Identifier: Apache-2.0
import { hash, randomBytes } from 'node:crypto';
import { setImmediate } from 'node:timers/promises';
import type { Secret } from '../../model/secret.ts';

/** What `caching_sha2_password_digest_rounds` is unless somebody raised it; the least there is. */
const ROUNDS = 5_000;
/** Others are served in between. */
const ROUNDS_AT_ONCE = 500;
const SALT_BYTES = 20;
const ALPHABET = './0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/**
 * What MySQL stores for `caching_sha2_password`, as the hexadecimal digits that CREATE USER takes:
 * `$A$005$`, a salt of 20 characters, and a digest of 5000 rounds. Made here, so that the password
 * itself never travels in a statement or into the target's logs.
 */
export async function cachingSha2Hash(password: Secret): Promise<string> {
  // Any bytes but NUL and `$` would do; these need no escaping anywhere.
  const salt = randomBytes(SALT_BYTES).toString('base64url').slice(0, SALT_BYTES);
  return stored(salt, await shaCrypt(Buffer.from(password.reveal(), 'utf8'), Buffer.from(salt)));
}

function stored(salt: string, digest: string): string {
  return Buffer.from(`$A$005$${salt}${digest}`, 'latin1').toString('hex').toUpperCase();
}

/**
 * SHA-crypt with SHA-256, with a longer salt than elsewhere.
 * https://www.akkadia.org/drepper/SHA-crypt.txt
 */
export async function shaCrypt(password: Buffer, salt: Buffer): Promise<string> {
  const inner = sha256(password, salt, password);
  const parts = [password, salt, repeated(inner, password.length)];
  for (let bits = password.length; bits > 0; bits >>= 1) {
    parts.push(bits & 1 ? inner : password);
  }
  let digest = sha256(...parts);
  const p = repeated(sha256(...times(password, password.length)), password.length);
  const s = repeated(sha256(...times(salt, 16 + (digest[0] ?? 0))), salt.length);
  for (let round = 0; round < ROUNDS; round += 1) {
    const block = [round & 1 ? p : digest];
    if (round % 3) block.push(s);
    if (round % 7) block.push(p);
    block.push(round & 1 ? digest : p);
    digest = sha256(...block);
    if (round % ROUNDS_AT_ONCE === ROUNDS_AT_ONCE - 1) await setImmediate();
  }
  return encoded(digest);
}

function sha256(...parts: readonly Buffer[]): Buffer {
  return hash('sha256', Buffer.concat(parts), 'buffer');
}

function times(bytes: Buffer, count: number): Buffer[] {
  return Array.from({ length: count }, () => bytes);
}

function repeated(bytes: Buffer, length: number): Buffer {
  return Buffer.alloc(length, bytes);
}

/** The algorithm's own; bytes 30 and 31 follow. */
const BYTE_ORDER = [
  [0, 10, 20],
  [21, 1, 11],
  [12, 22, 2],
  [3, 13, 23],
  [24, 4, 14],
  [15, 25, 5],
  [6, 16, 26],
  [27, 7, 17],
  [18, 28, 8],
  [9, 19, 29],
] as const;

/** Three bytes as four characters, low bits first. */
function encoded(digest: Buffer): string {
  const at = (index: number) => digest[index] ?? 0;
  let text = '';
  const put = (value: number, characters: number) => {
    for (let index = 0; index < characters; index += 1) {
      text += ALPHABET.charAt((value >> (6 * index)) & 63);
    }
  };
  for (const [a, b, c] of BYTE_ORDER) put((at(a) << 16) | (at(b) << 8) | at(c), 4);
  put((at(31) << 8) | at(30), 3);
  return text;
}
