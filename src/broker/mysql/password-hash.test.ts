// SPDX-License-Identifier: Apache-2.0
import { equal, match, notEqual } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Secret } from '../../model/secret.ts';
import { cachingSha2Hash, shaCrypt } from './password-hash.ts';

const crypt = (password: string, salt: string) =>
  shaCrypt(Buffer.from(password), Buffer.from(salt));

describe('password-hash of mysql', () => {
  it('is SHA-crypt', async () => {
    // As glibc's crypt() has it; the first is also in the description of the algorithm.
    equal(await crypt('Hello world!', 'saltstring'), '5B8vYYiY.CVt1RlTTf8KbXBH3hsxY/GNooZaBBGWEc5');
    const long = await crypt('x'.repeat(70), '0123456789abcdef');
    equal(long, 'PtktarChupU2HspS5L2tzUZeyI7SEI/LGbCZCyq.ic5');
  });

  it('has the form that MySQL stores, with another salt each time', async () => {
    const password = new Secret('a password');
    const hash = await cachingSha2Hash(password);
    match(Buffer.from(hash, 'hex').toString('latin1'), /^\$A\$005\$[\w-]{20}[./\w]{43}$/);
    notEqual(await cachingSha2Hash(password), hash);
  });
});
