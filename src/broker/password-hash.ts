// SPDX-License-Identifier: Apache-2.0
import { createHash, randomBytes } from 'node:crypto';
import { Secret } from '../model/secret.ts';

/**
 * What the target stores for `mysql_native_password`: `*` and SHA1(SHA1(password)) in hex. Made
 * here, so that the password itself never travels to the target in a statement or into its logs.
 */
export function nativePasswordHash(password: Secret): string {
  const once = createHash('sha1').update(password.reveal(), 'utf8').digest();
  return `*${createHash('sha1').update(once).digest('hex').toUpperCase()}`;
}

/** 256 bits: the hash is unsalted, so only the password's own entropy protects it. */
export function randomPassword(): Secret {
  return new Secret(randomBytes(32).toString('base64url'));
}
