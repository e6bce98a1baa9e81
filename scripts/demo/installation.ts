// SPDX-License-Identifier: Apache-2.0
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Authority, createAuthority } from '../../test/support/certs.ts';
import { CLAIM_SETS } from '../../test/support/claim-sets.ts';
import { startIdp, type TestIdp } from '../../test/support/idp.ts';
import { startMariadb, type TestMariadb } from '../../test/support/mariadb.ts';
import { type Sidecar, startSidecar } from '../../test/support/sidecar.ts';
import { identityYaml, ordersYaml, RULES_YAML, SEED_SQL, SETTINGS_YAML } from './declaration.ts';
import { GatewayProcess } from './gateway-process.ts';
import { type IdentityProvider, startIdentityProvider } from './identity-provider.ts';
import { type Finished, runProgram } from './program.ts';
import { signIn } from './sign-in.ts';

const GROUPS = { ada: ['analysts'], oscar: ['operators'] } as const;
const MAIN = fileURLToPath(new URL('../../src/main.js', import.meta.url));

/** Called as each part stands: what it is, and where. */
export type Progress = (part: string, where: string) => void;

/** The name Envoy sends for the service `orders-db` of namespace `data-orders`, port 3306. */
const SERVICE_NAME = 'outbound_.3306_._.orders-db.data-orders.svc.cluster.local';

/** Everything the demo runs, on loopback and below one temporary directory. */
export class Installation {
  readonly directory = mkdtempSync(join(tmpdir(), 'postern-demo-'));
  readonly #progress: Progress;
  #prodCa!: Authority;
  #devCa!: Authority;
  #people: IdentityProvider | undefined;
  #jobs: TestIdp | undefined;
  #mariadb: TestMariadb | undefined;
  #gateway: GatewayProcess | undefined;
  readonly #sidecars: Sidecar[] = [];
  #stopping: Promise<void> | undefined;

  constructor(progress: Progress) {
    this.#progress = progress;
    process.once('exit', this.#remove);
  }

  async start(): Promise<void> {
    for (const name of ['certificates', 'policy', 'tokens']) mkdirSync(this.path(name));
    const database = await this.#certificates();
    this.#people = await startIdentityProvider(GROUPS);
    this.#jobs = await startIdp();
    this.#progress('identity provider', `${this.#people.issuer} (people: OpenID Connect)`);
    this.#progress('', `${this.#jobs.issuer} (CI jobs, as GitHub Actions has them)`);
    this.#mariadb = await startMariadb({ tls: database });
    await Promise.all([this.#mariadb.rootQuery(SEED_SQL), this.#keepTokens(this.#people.issuer)]);
    this.#progress('MariaDB', `127.0.0.1:${this.#mariadb.port}, private, with a schema shop`);
    this.write('policy/identity.yaml', identityYaml(this.#people.issuer, this.#jobs.issuer));
    this.write('policy/orders.yaml', ordersYaml(this.#mariadb.port));
    this.write('policy/rules.yaml', RULES_YAML);
    this.write('postern.yaml', SETTINGS_YAML);
    this.write('postern', posternScript(this.path('state')), 0o700);
    this.#progress('the declaration', `${this.path('policy')}, three small files`);
  }

  /** For those who want a token in a file: the two people, and a job. */
  async #keepTokens(issuer: string): Promise<void> {
    const people = Object.keys(GROUPS);
    const tokens = await Promise.all(people.map((login) => signIn(issuer, login)));
    for (const [index, token] of tokens.entries()) this.write(`tokens/${people[index]}`, token);
    this.write('tokens/job', this.jobToken());
  }

  bootstrap(): Promise<Finished> {
    const { socketPath, rootPassword } = this.mariadb;
    return runProgram('./postern', ['bootstrap', 'orders', '--socket', socketPath], {
      cwd: this.directory,
      env: { POSTERN_ADMIN_PASSWORD: rootPassword },
    });
  }

  async startGateway(): Promise<void> {
    this.#gateway = await GatewayProcess.start(MAIN, this.directory);
  }

  async #certificates(): Promise<{ caPem: string; certPem: string; keyPem: string }> {
    this.#prodCa = await createAuthority({ commonName: 'demo mesh prod' });
    this.#devCa = await createAuthority({ commonName: 'demo mesh dev' });
    const databaseCa = await createAuthority({ commonName: 'demo database' });
    const gatewayCa = await createAuthority({ commonName: 'demo gateway' });
    this.write('certificates/prod-ca.pem', this.#prodCa.certPem);
    this.write('certificates/dev-ca.pem', this.#devCa.certPem);
    this.write('certificates/database-ca.pem', databaseCa.certPem);
    this.write('ca.pem', gatewayCa.certPem);
    const host = {
      dnsNames: ['localhost'],
      ipAddresses: ['127.0.0.1'],
      usages: ['server'],
    } as const;
    const database = await databaseCa.issue({ commonName: 'localhost', ...host });
    for (const [name, issued] of [
      ['upstream', await databaseCa.issue({ commonName: 'postern', usages: ['client'] })],
      ['gateway', await gatewayCa.issue({ commonName: 'localhost', ...host })],
      ['gateway-mesh', await this.#workloadCertificate('prod', 'postern-system', 'postern')],
    ] as const) {
      this.write(`certificates/${name}.pem`, issued.chainPem);
      this.write(`certificates/${name}-key.pem`, issued.keyPem);
    }
    this.#progress('certificate authorities', 'two meshes, the database, the gateway');
    return { caPem: databaseCa.certPem, certPem: database.certPem, keyPem: database.keyPem };
  }

  #workloadCertificate(cluster: 'prod' | 'dev', namespace: string, serviceAccount: string) {
    const authority = cluster === 'prod' ? this.#prodCa : this.#devCa;
    const spiffeId = `spiffe://${cluster}.local/ns/${namespace}/sa/${serviceAccount}`;
    return authority.issue({ spiffeId, usages: ['client', 'server'] });
  }

  /** A port that stands for the inside of the pod of `payments/checkout` in that cluster. */
  async sidecar(cluster: 'prod' | 'dev'): Promise<number> {
    const issued = await this.#workloadCertificate(cluster, 'payments', 'checkout');
    const mesh = {
      meshCa: this.#prodCa,
      port: (listener: string) => this.gateway.port(listener),
    };
    const sidecar = await startSidecar(mesh, issued, SERVICE_NAME);
    this.#sidecars.push(sidecar);
    return sidecar.port;
  }

  get gateway(): GatewayProcess {
    return running(this.#gateway, 'gateway');
  }

  get mariadb(): TestMariadb {
    return running(this.#mariadb, 'MariaDB');
  }

  get peopleIssuer(): string {
    return running(this.#people, 'identity provider').issuer;
  }

  /** What a job of the declared repository is given by its forge. */
  jobToken(claims: Readonly<Record<string, unknown>> = {}): string {
    const given = { ...CLAIM_SETS.githubEnvironment, ...claims };
    return running(this.#jobs, 'issuer of CI tokens').token(given);
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  read(name: string): string {
    return readFileSync(this.path(name), 'utf8');
  }

  write(name: string, text: string, mode = 0o600): void {
    writeFileSync(this.path(name), text, { mode });
  }

  postern(flags: readonly string[], onOutput?: (output: string) => void): Promise<Finished> {
    return runProgram('./postern', flags, {
      cwd: this.directory,
      ...(onOutput && { onOutput }),
    });
  }

  /** What the gateway said last, for a demo that failed. */
  get gatewayLog(): string {
    return this.#gateway?.lastLines ?? '';
  }

  /** Ends everything in order and removes the directory. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  async #stop(): Promise<void> {
    await Promise.all(this.#sidecars.map((sidecar) => sidecar.close()));
    await this.#gateway?.stop();
    await Promise.all([this.#mariadb?.stop(), this.#people?.close(), this.#jobs?.close()]);
    this.#remove();
  }

  readonly #remove = () => rmSync(this.directory, { recursive: true, force: true });
}

/** The command as it is in this tree; logins stay in the demo's directory. */
function posternScript(state: string): string {
  return `#!/bin/sh
XDG_STATE_HOME="${state}" exec "${process.execPath}" "${MAIN}" "$@"
`;
}

function running<Part>(part: Part | undefined, name: string): Part {
  if (part === undefined) throw new Error(`the ${name} is not running`);
  return part;
}
