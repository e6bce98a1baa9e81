// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { Agent } from '../agent/agent.ts';
import { AuthorityClient } from '../agent/authority-client.ts';
import { CertificateStore } from '../agent/certificate-store.ts';
import { listenForHealth } from '../agent/health.ts';
import { systemClock } from '../model/clock.ts';
import { PosternError, problemText } from '../model/errors.ts';
import type { Secret } from '../model/secret.ts';
import { createLog } from './log.ts';
import { withStopSignal } from './stop-signal.ts';

export interface AgentOptions {
  readonly authority: URL;
  /** PEM file with the roots that vouch for it. */
  readonly roots: string;
  readonly directory: string;
  readonly token: () => Promise<Secret>;
  readonly life?: string;
  readonly health?: { readonly host: string; readonly port: number };
  readonly once: boolean;
  /** After the files were replaced. */
  readonly replaced: (paths: Readonly<Record<string, string>>) => void;
}

/**
 * `postern agent`: until SIGTERM or SIGINT, or with `once` until there is a fresh certificate.
 * Rejects as the authority and the store do with `once`; later failures are tried again.
 */
export async function runAgent(options: AgentOptions): Promise<{ readonly renewed: boolean }> {
  const { authority, directory, token, life, once } = options;
  const store = new CertificateStore(directory);
  const log = createLog('info', 'postern-agent');
  // What a rollover added is known before the file that the operator gave is changed.
  const roots = () => [readRoots(options.roots), store.bundle()].filter((pem) => pem !== '');
  const agent = new Agent({
    store,
    authority: new AuthorityClient({
      authority,
      roots,
      token,
      ...(life !== undefined && { life }),
    }),
    clock: systemClock,
    log,
    random: Math.random,
    replaced: () =>
      options.replaced({
        POSTERN_CERTIFICATE: store.path('certificate.pem'),
        POSTERN_KEY: store.path('key.pem'),
        POSTERN_BUNDLE: store.path('bundle.pem'),
      }),
  });
  if (once) return { renewed: await agent.renewIfDue() };
  await withStopSignal(async (signal) => {
    const health = options.health && (await listenForHealth(options.health, () => agent.health));
    log.info('the agent is up', { directory, health: health?.address });
    agent.start();
    await signal;
    agent.stop();
    health?.close();
  });
  return { renewed: false };
}

function readRoots(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
  }
}
