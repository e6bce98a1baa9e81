// SPDX-License-Identifier: Apache-2.0
import { createHash, createHmac, createSecretKey, type KeyObject, randomBytes } from 'node:crypto';
import { readFileSync, statSync, writeFileSync } from 'node:fs';
import { PosternError, problemText } from '../model/errors.ts';

const KEY_BYTES = 32;
/** Group may read (Kubernetes mounts keys so), nobody else may do anything. */
const FORBIDDEN_MODE = 0o027;

interface HashKey {
  readonly id: string;
  readonly key: KeyObject;
}

/**
 * Keys under which statements are recorded as hashes: equal statements can be found, and nobody
 * without the key can try guesses. The last key hashes; the ones before it are for searching.
 */
export class HashKeys {
  readonly #current: HashKey;
  readonly #older: readonly HashKey[];

  /** Oldest first. */
  constructor(older: readonly Buffer[], current: Buffer) {
    this.#current = hashKey(current);
    this.#older = older.map(hashKey);
  }

  /** `<key id>:<HMAC-SHA-256>`, both in hex. */
  hash(bytes: Uint8Array): string {
    return hashUnder(this.#current, bytes);
  }

  /** Under every key, newest first. */
  hashes(bytes: Uint8Array): readonly string[] {
    return [this.#current, ...this.#older.toReversed()].map((key) => hashUnder(key, bytes));
  }
}

function hashKey(bytes: Buffer): HashKey {
  return { id: keyId(bytes), key: createSecretKey(bytes) };
}

function hashUnder({ id, key }: HashKey, bytes: Uint8Array): string {
  return `${id}:${createHmac('sha256', key).update(bytes).digest('hex')}`;
}

/** Tells keys apart and says nothing about them: they are random, so this cannot be reversed. */
function keyId(bytes: Buffer): string {
  return createHash('sha256').update('postern hash key').update(bytes).digest('hex').slice(0, 8);
}

/** Reads the keys, one per line in base64; throws `file-unreadable`. */
export function readHashKeys(path: string): HashKeys {
  try {
    const mode = statSync(path).mode & 0o777;
    if ((mode & FORBIDDEN_MODE) !== 0) {
      throw new Error(`it has mode ${mode.toString(8)}, others must have no access`);
    }
    const lines = readFileSync(path, 'utf8')
      .split('\n')
      .filter((line) => line.trim() !== '');
    const keys = lines.map((line) => Buffer.from(line.trim(), 'base64'));
    const current = keys.pop();
    if (!current || [...keys, current].some((key) => key.length !== KEY_BYTES)) {
      throw new Error('it holds something else than keys of 32 bytes in base64, one per line');
    }
    return new HashKeys(keys, current);
  } catch (cause) {
    throw new PosternError('file-unreadable', { file: path, problem: problemText(cause) }, cause);
  }
}

/** The same; the file is made with a key when there is none. */
export function openHashKeys(path: string): HashKeys {
  try {
    const line = `${randomBytes(KEY_BYTES).toString('base64')}\n`;
    writeFileSync(path, line, { mode: 0o600, flag: 'wx', flush: true });
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'EEXIST') {
      throw new PosternError('file-unreadable', { file: path, problem: problemText(cause) }, cause);
    }
  }
  return readHashKeys(path);
}
