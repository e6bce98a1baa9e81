// SPDX-License-Identifier: Apache-2.0
import type { Socket } from 'node:net';
import type { SecureContext, TLSSocket } from 'node:tls';
import type { Settings } from '../config/settings.ts';
import type { IdentityResolver } from '../identity/resolver.ts';
import type { IdentityResult } from '../identity/result.ts';
import type { Clock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import type { Log } from '../model/log.ts';
import { CertificateFiles } from '../net/certificate-files.ts';
import { acceptMeshTls, serverContext } from '../net/tls.ts';

/** The gateway's own certificates, and what a TLS-first handshake tells with them. */
export class ServerCertificates {
  readonly #identity: IdentityResolver;
  readonly #clock: Clock;
  readonly #files: CertificateFiles[] = [];
  #protocol: SecureContext | undefined;
  #mesh: SecureContext | undefined;

  private constructor(identity: IdentityResolver, clock: Clock) {
    this.#identity = identity;
    this.#clock = clock;
  }

  /** Rejects with `file-unreadable` when a certificate that the settings name cannot be used. */
  static async open(
    settings: Pick<Settings, 'tls' | 'mesh' | 'listeners'>,
    identity: IdentityResolver,
    clock: Clock,
    log: Log,
  ): Promise<ServerCertificates> {
    const certificates = new ServerCertificates(identity, clock);
    requireFor(settings, 'ProtocolTls', 'tls');
    requireFor(settings, 'MeshTls', 'mesh');
    if (settings.tls) {
      await certificates.#open(settings.tls, clock, log, (context) => {
        certificates.#protocol = context;
      });
    }
    if (settings.mesh) {
      await certificates.#open(settings.mesh, clock, log, (context) => {
        certificates.#mesh = context;
      });
    }
    return certificates;
  }

  /** Protocol TLS: its own certificate, or the workload's where no other is given. */
  protocolContext(): SecureContext | undefined {
    return this.#protocol ?? this.#mesh;
  }

  /** Rejects with `tls-failed` or `timeout`. */
  async acceptMesh(
    connection: Socket,
    timeoutMs: number,
  ): Promise<{ socket: TLSSocket; serverName?: string; identity: IdentityResult }> {
    const secureContext = this.#mesh;
    if (!secureContext) {
      throw new PosternError('tls-failed', { peer: 'the peer', problem: 'no certificate' });
    }
    const peer = await acceptMeshTls(connection, { secureContext, timeoutMs, clock: this.#clock });
    const identity = this.#identity.verifyCertificateChain(peer.chain, 'mesh-mtls');
    return { ...peer, identity };
  }

  close(): void {
    for (const files of this.#files) files.close();
  }

  async #open(
    paths: { readonly certificate: string; readonly key: string },
    clock: Clock,
    log: Log,
    use: (context: SecureContext) => void,
  ): Promise<void> {
    const files: CertificateFiles = await CertificateFiles.open(paths, {
      clock,
      log,
      changed: () => use(serverContext(files.current)),
    });
    this.#files.push(files);
    use(serverContext(files.current));
  }
}

function requireFor(
  settings: Pick<Settings, 'tls' | 'mesh' | 'listeners'>,
  accept: 'ProtocolTls' | 'MeshTls',
  section: 'tls' | 'mesh',
): void {
  const needing = settings.listeners.find((listener) => listener.accept === accept);
  if (!needing || settings[section]) return;
  const problem = `listener ${needing.name} needs the section "${section}" with certificate and key`;
  throw new PosternError('usage', { problem });
}
