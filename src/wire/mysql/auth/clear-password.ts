// SPDX-License-Identifier: Apache-2.0
import { ByteReader } from '../../bytes.ts';

/**
 * mysql_clear_password: the password as it is, with a closing NUL. Only ever over TLS; it carries
 * tokens as well. The full authentication of caching_sha2_password has the same form.
 */
export const CLEAR_PASSWORD = 'mysql_clear_password';

export function decodeClearPassword(payload: Buffer): string {
  const reader = new ByteReader(payload, 'clear password');
  // Some drivers leave the NUL out.
  const bytes = payload.at(-1) === 0 ? payload.subarray(0, -1) : payload;
  if (bytes.includes(0)) reader.fail('the password holds a NUL');
  return bytes.toString('utf8');
}

export function encodeClearPassword(password: string): Buffer {
  if (password.includes('\0')) throw new RangeError('a password holds a NUL');
  return Buffer.from(`${password}\0`, 'utf8');
}
