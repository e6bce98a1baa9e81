// SPDX-License-Identifier: Apache-2.0
import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type KeyObject,
} from 'node:crypto';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { keyId } from './heads.ts';

export interface SigningKey {
  readonly id: string;
  readonly privateKey: KeyObject;
}

/** Group may read (Kubernetes mounts keys so), nobody else may do anything. */
const FORBIDDEN_MODE = 0o027;

/**
 * Reads the Ed25519 key (PKCS #8, PEM), made with mode 0600 when there is none. Throws what the
 * file system throws, and when others may read the file or it holds another kind of key.
 */
export function openSigningKey(path: string): SigningKey {
  if (!existsSync(path)) createKey(path);
  const mode = statSync(path).mode & 0o777;
  if ((mode & FORBIDDEN_MODE) !== 0) {
    throw new Error(`${path} has mode ${mode.toString(8)}, others must have no access`);
  }
  const privateKey = createPrivateKey(readFileSync(path));
  if (privateKey.asymmetricKeyType !== 'ed25519') throw new Error(`${path} is no Ed25519 key`);
  return { id: keyId(createPublicKey(privateKey)), privateKey };
}

function createKey(path: string): void {
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
  writeFileSync(path, pem, { mode: 0o600, flag: 'wx', flush: true });
}

/** Every public key that signed here, oldest first; a new one is added at the end. */
export function publishKey(path: string, key: SigningKey): void {
  const known = existsSync(path) ? readPublicKeys(readFileSync(path, 'utf8')) : new Map();
  if (known.has(key.id)) return;
  const pem = createPublicKey(key.privateKey).export({ type: 'spki', format: 'pem' });
  writeFileSync(path, pem, { mode: 0o644, flag: 'a', flush: true });
}

/** Keys by id. Throws when a block is not a public key. */
export function readPublicKeys(pem: string): Map<string, KeyObject> {
  const blocks = pem.match(/-----BEGIN PUBLIC KEY-----[^-]+-----END PUBLIC KEY-----/g) ?? [];
  return new Map(
    blocks.map((block) => {
      const key = createPublicKey(block);
      return [keyId(key), key];
    }),
  );
}
