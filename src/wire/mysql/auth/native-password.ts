// SPDX-License-Identifier: Apache-2.0
import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * mysql_native_password: SHA1(password) XOR SHA1(challenge + SHA1(SHA1(password))). The server
 * keeps the inner double hash ("stage 2"). https://mariadb.com/kb/en/connection/#mysql_native_password
 */
export const NATIVE_PASSWORD = 'mysql_native_password';

export const CHALLENGE_BYTES = 20;

/** The answer to a 20-byte challenge; empty for an empty password. */
export function scrambleNative(password: string, challenge: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const stage1 = sha1(Buffer.from(password, 'utf8'));
  return xor(stage1, sha1(challenge, sha1(stage1)));
}

/** What a server stores: `*` and this in upper-case hex is the text form. */
export function nativeStage2(password: string): Buffer {
  return sha1(sha1(Buffer.from(password, 'utf8')));
}

/** Whether an answer was made with the password behind `stage2`. An empty answer never was. */
export function verifyNative(response: Buffer, challenge: Buffer, stage2: Buffer): boolean {
  if (response.length !== CHALLENGE_BYTES || stage2.length !== CHALLENGE_BYTES) return false;
  const stage1 = xor(response, sha1(challenge, stage2));
  return timingSafeEqual(sha1(stage1), stage2);
}

function sha1(...parts: Buffer[]): Buffer {
  const hash = createHash('sha1');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}
