// SPDX-License-Identifier: Apache-2.0
// Entry point of the signer process of an authority: the only one that reads the key of the
// intermediate. It hears of nobody but the process that started it, over IPC, and ends with it.
import { systemClock } from '../model/clock.ts';
import { problemText } from '../model/errors.ts';
import { AuthorityDirectory } from './authority-directory.ts';
import { CertificateSigner, type SignedCertificate } from './certificate-signer.ts';
import type { SigningLimits, SigningOrder } from './signing-order.ts';

/** What the signer answers; `unfit` is followed by its exit. */
export type SignerReply =
  | { readonly type: 'ready' }
  | { readonly type: 'unfit'; readonly problem: string }
  | { readonly type: 'signed'; readonly id: number; readonly certificate: SignedCertificate }
  | { readonly type: 'refused'; readonly id: number; readonly problem: string };

function reply(message: SignerReply): void {
  process.send?.(message);
}

async function serve(directory: string, limits: SigningLimits): Promise<void> {
  const signer = new CertificateSigner(new AuthorityDirectory(directory), limits, systemClock);
  await signer.open();
  process.on('message', (message: unknown) => {
    const { id } = message as SigningOrder;
    signer.sign(message).then(
      (certificate) => reply({ type: 'signed', id, certificate }),
      (cause: unknown) => reply({ type: 'refused', id, problem: problemText(cause) }),
    );
  });
  reply({ type: 'ready' });
}

// A Ctrl-C reaches the whole process group; the listening process decides when it is over.
process.on('SIGINT', () => undefined);
process.on('SIGTERM', () => undefined);
const [directory = '', limits = '{}'] = process.argv.slice(2);
serve(directory, JSON.parse(limits) as SigningLimits).catch((cause: unknown) => {
  reply({ type: 'unfit', problem: problemText(cause) });
  process.disconnect();
  process.exitCode = 1;
});
