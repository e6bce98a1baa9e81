// SPDX-License-Identifier: Apache-2.0
import { createHash, timingSafeEqual } from 'node:crypto';

/**
 * caching_sha2_password: first SHA256(password) XOR SHA256(SHA256(SHA256(password)) + challenge);
 * when the server has no cached hash it asks for the password itself, which we send over TLS or a
 * Unix socket only (its RSA exchange trusts a key nobody verified, so it is not used).
 * https://dev.mysql.com/doc/dev/mysql-server/latest/page_caching_sha2_authentication_exchanges.html
 */
export const CACHING_SHA2_PASSWORD = 'caching_sha2_password';

/** In an AuthMoreData from the server. */
export const FAST_AUTH_SUCCESS = 3;
export const PERFORM_FULL_AUTHENTICATION = 4;

const DIGEST_BYTES = 32;

/** The answer to a 20-byte challenge; empty for an empty password. */
export function scrambleSha2(password: string, challenge: Buffer): Buffer {
  if (password === '') return Buffer.alloc(0);
  const stage1 = sha256(Buffer.from(password, 'utf8'));
  return xor(stage1, sha256(sha256(stage1), challenge));
}

/** What a server caches after a full authentication. */
export function sha2Stage2(password: string): Buffer {
  return sha256(sha256(Buffer.from(password, 'utf8')));
}

/** Whether an answer was made with the password behind `stage2`. An empty answer never was. */
export function verifySha2(response: Buffer, challenge: Buffer, stage2: Buffer): boolean {
  if (response.length !== DIGEST_BYTES || stage2.length !== DIGEST_BYTES) return false;
  const stage1 = xor(response, sha256(stage2, challenge));
  return timingSafeEqual(sha256(stage1), stage2);
}

function sha256(...parts: Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest();
}

function xor(left: Buffer, right: Buffer): Buffer {
  return Buffer.from(left.map((byte, index) => byte ^ (right[index] ?? 0)));
}
