// SPDX-License-Identifier: Apache-2.0
import * as product from '../../src/identity/authority.ts';

export interface IssuedCertificate {
  readonly certPem: string;
  readonly keyPem: string;
  /** Leaf and intermediates, without the root. */
  readonly chainPem: string;
}

/** The product's authority with keys as plain text, because tests write them to files. */
export interface Authority {
  readonly certPem: string;
  readonly keyPem: string;
  issue(request: product.CertificateRequest): Promise<IssuedCertificate>;
  intermediate(request?: product.CertificateRequest): Promise<Authority>;
}

export async function createAuthority(
  options?: Parameters<typeof product.createAuthority>[0],
): Promise<Authority> {
  return plain(await product.createAuthority(options));
}

function plain(authority: product.Authority): Authority {
  return {
    certPem: authority.certPem,
    keyPem: authority.keyPem.reveal(),
    async issue(request) {
      const issued = await authority.issue(request);
      return { ...issued, keyPem: issued.keyPem.reveal() };
    },
    intermediate: async (request) => plain(await authority.intermediate(request)),
  };
}
