// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { Clock } from '../model/clock.ts';
import { Secret } from '../model/secret.ts';
import type { MysqlSystem } from '../policy/policy.ts';
import type { TlsChoice } from '../target/mysql/login.ts';
import { readMaterial } from './material.ts';

/** Rotated files count for logins that come so much later. */
const LOOK_AGAIN_MS = 1_000;

/**
 * TLS towards a target, for many logins: the same object while the files say the same, so that
 * what is made of it can be kept with it. Throws `file-unreadable`.
 */
export function upstreamTlsSource(system: MysqlSystem, clock: Clock): () => TlsChoice {
  let known: { readonly tls: TlsChoice; readonly digest: string } | undefined;
  let lookedMs = Number.NEGATIVE_INFINITY;
  return () => {
    const nowMs = clock.monotonic();
    if (known && nowMs - lookedMs < LOOK_AGAIN_MS) return known.tls;
    const texts = textsOf(system);
    const digest = createHash('sha256').update(JSON.stringify(texts)).digest('hex');
    lookedMs = nowMs;
    if (known?.digest !== digest) known = { tls: choice(system, texts), digest };
    return known.tls;
  };
}

/** For one login. Throws `file-unreadable`. */
export function upstreamTls(system: MysqlSystem): TlsChoice {
  return choice(system, textsOf(system));
}

interface Texts {
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

function textsOf({ tls }: MysqlSystem): Texts {
  if (tls.mode !== 'verified') return {};
  const { ca, clientCertificate } = tls;
  return {
    ca: readMaterial(ca),
    ...(clientCertificate && {
      cert: readMaterial(clientCertificate.cert),
      key: readMaterial(clientCertificate.key),
    }),
  };
}

function choice({ tls }: MysqlSystem, { ca = '', cert, key }: Texts): TlsChoice {
  if (tls.mode === 'insecurePlaintext') return { mode: 'plaintext' };
  if (tls.mode === 'insecureSkipVerify') return { mode: 'insecureSkipVerify' };
  return {
    mode: 'verified',
    ca,
    ...(tls.serverName !== undefined && { serverName: tls.serverName }),
    ...(cert !== undefined && key !== undefined && { cert, key: new Secret(key) }),
  };
}
