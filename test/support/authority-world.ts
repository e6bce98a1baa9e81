// SPDX-License-Identifier: Apache-2.0
import { spawnSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { request } from 'node:https';
import { join } from 'node:path';
import { AuthorityServer } from '../../src/app/authority-server.ts';
import { AuthorityDirectory } from '../../src/ca/authority-directory.ts';
import { AuthorityKeeper } from '../../src/ca/authority-keeper.ts';
import { readAuthoritySettings } from '../../src/config/read.ts';
import { systemClock } from '../../src/model/clock.ts';
import { type Log, silentLog } from '../../src/model/log.ts';
import { startIdp, type TestIdp } from './idp.ts';

export const TRUST_DOMAIN = 'vms.example';

/** Documents beside those of `worldPolicy`: a cluster whose workloads `postern ca` certifies. */
export function authorityPolicy(cluster: TestIdp, ci: TestIdp): string {
  return `
---
apiVersion: postern.dev/v1alpha1
kind: IdentityProvider
metadata: {name: pipelines}
spec: {oidc: {preset: github, issuer: ${ci.issuer}, audiences: [postern]}}
---
apiVersion: postern.dev/v1alpha1
kind: Cluster
metadata: {name: vms, labels: {env: prod}}
spec:
  trustDomain: ${TRUST_DOMAIN}
  bundle: {file: ../ca/bundle.pem}
  serviceAccountTokens: {issuer: ${cluster.issuer}, audiences: [postern]}
  certificates:
    serviceAccounts: true
    identities:
      - {subject: {ci: {provider: pipelines, repositoryId: "2", environment: production}}, as: deploy/shop}
      - {subject: {ci: {provider: pipelines, repositoryId: "3", ref: refs/heads/main}}, as: deploy/a}
      - {subject: {ci: {provider: pipelines, repositoryId: "3", ref: refs/heads/*}}, as: deploy/b}
`;
}

export interface Answer {
  readonly status: number;
  readonly body: {
    readonly certificate: string;
    readonly bundle: string;
    readonly spiffeId: string;
    readonly serial: string;
    readonly notBefore: string;
    readonly notAfter: string;
    readonly error?: string;
    readonly reason?: string;
    readonly decision?: string;
  };
}

/** An authority below the directory of a World, and the issuers of its callers' tokens. */
export class AuthorityPlace {
  readonly directory: AuthorityDirectory;
  readonly keeper: AuthorityKeeper;
  readonly #base: string;
  cluster!: TestIdp;
  ci!: TestIdp;
  server: AuthorityServer | undefined;

  private constructor(base: string) {
    this.#base = base;
    this.directory = new AuthorityDirectory(join(base, 'ca'));
    this.keeper = new AuthorityKeeper({ directory: this.directory, clock: systemClock });
  }

  /** Issuers and files; `policy` goes into the declaration before `serve`. */
  static async make(base: string): Promise<AuthorityPlace> {
    const place = new AuthorityPlace(base);
    place.cluster = await startIdp();
    place.ci = await startIdp();
    await place.keeper.init(TRUST_DOMAIN, ['localhost', '127.0.0.1']);
    return place;
  }

  get policy(): string {
    return authorityPolicy(this.cluster, this.ci);
  }

  settingsText(more = '', port = 0): string {
    return `
listen: '127.0.0.1:${port}'
policy: ./policy
cluster: vms
servers: [postern-system/postern]
${more}`;
  }

  async serve(log: Log = silentLog): Promise<AuthorityServer> {
    const settings = readAuthoritySettings(join(this.#base, 'postern-ca.yaml'));
    this.server = await AuthorityServer.start({ settings, clock: systemClock, log });
    return this.server;
  }

  get url(): string {
    return `https://${this.server?.address}`;
  }

  /** A service account token of the cluster. */
  token(account: string, more: Record<string, unknown> = {}): string {
    const sub = `system:serviceaccount:${account.replace('/', ':')}`;
    return this.cluster.token({ aud: 'postern', sub, ...more });
  }

  /** A job's token of the pipelines. */
  jobToken(more: Record<string, unknown> = {}): string {
    return this.ci.token({
      aud: 'postern',
      sub: `job-${randomUUID()}`,
      repository: 'acme/shop',
      repository_id: '2',
      repository_owner_id: '1',
      ref: 'refs/heads/main',
      environment: 'production',
      ...more,
    });
  }

  /** What curl would do. */
  ask(
    token: string | undefined,
    body: string,
    query = '',
    how: { readonly chunked?: boolean } = {},
  ): Promise<Answer> {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...(how.chunked && { 'transfer-encoding': 'chunked' }),
    };
    const ca = this.directory.bundleOf(this.directory.state().generations);
    return new Promise((resolve, reject) => {
      const url = `${this.url}/v1/certificates${query}`;
      const sent = request(url, { method: 'POST', ca, headers, agent: false }, (answer) => {
        let text = '';
        answer.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, body: JSON.parse(text) }));
      });
      sent.on('error', reject);
      sent.end(body);
    });
  }

  async stop(): Promise<void> {
    await this.server?.stop();
    await this.cluster?.close();
    await this.ci?.close();
  }
}

/** `openssl ...` in a directory; throws with what it said when it fails. */
export function openssl(cwd: string, ...words: string[]): string {
  const { status, stdout, stderr } = spawnSync('openssl', words, { cwd, encoding: 'utf8' });
  if (status !== 0) throw new Error(`openssl ${words.join(' ')}: ${stderr}`);
  return stdout;
}
