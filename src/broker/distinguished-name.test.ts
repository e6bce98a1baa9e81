// SPDX-License-Identifier: Apache-2.0
import { deepEqual, throws } from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { describe, it } from 'node:test';
import { createAuthority } from '../identity/authority.ts';
import { certificateNames } from './distinguished-name.ts';

async function namesOf(subject: { commonName?: string; organization?: string }) {
  const authority = await createAuthority({ commonName: 'CA', organization: 'Example' });
  return certificateNames(new X509Certificate((await authority.issue(subject)).certPem));
}

describe('distinguished-name', () => {
  it('writes names as OpenSSL does in one line', async () => {
    const issuer = '/O=Example/CN=CA';
    deepEqual(await namesOf({ commonName: 'postern' }), { issuer, subject: '/CN=postern' });
    // The bytes of UTF-8, not characters: what X509_NAME_oneline prints for a UTF8String.
    deepEqual(await namesOf({ commonName: 'a=b, "c"', organization: 'Söhne' }), {
      issuer,
      subject: '/O=S\\xC3\\xB6hne/CN=a=b, "c"',
    });
  });

  it('refuses what has two readings or none', async () => {
    for (const commonName of ['a/CN=b', 'a\\xC3', 'a+b', 'a\u0001']) {
      const authority = await createAuthority({ commonName });
      const certificate = new X509Certificate(authority.certPem);
      throws(() => certificateNames(certificate), { code: 'target-unsupported' }, commonName);
    }
  });
});
