// SPDX-License-Identifier: Apache-2.0
// A process that replaces the files of a workload as fast as it can, so many times.
import { CertificateStore } from '../../src/agent/certificate-store.ts';
import { createAuthority } from '../../src/identity/authority.ts';

const [directory = '', times = '0'] = process.argv.slice(2);
const store = new CertificateStore(directory);
const authority = await createAuthority();
const pairs = await Promise.all([authority.issue({}), authority.issue({})]);
for (let round = 0; round < Number(times); round += 1) {
  const { chainPem, keyPem } = pairs[round % 2] ?? pairs[0];
  store.save({ chainPem, keyPem, bundlePem: authority.certPem }, Date.now());
}
