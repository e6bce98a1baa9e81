// SPDX-License-Identifier: Apache-2.0
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { bootstrapAsRoot } from './bootstrap.ts';
import { startMariadb, type TestMariadb } from './mariadb.ts';
import { until, type World } from './world.ts';

/** Takes connections as a database host does, until it is stopped: then its queue fills. */
const RELAY = `
const { createServer, connect } = require('node:net');
createServer((near) => {
  const far = connect(Number(process.argv[1]), '127.0.0.1');
  for (const [one, other] of [[near, far], [far, near]])
    one.on('error', () => undefined).on('close', () => other.destroy()).pipe(other);
}).listen(0, '127.0.0.1', 1, function () { console.log(this.address().port); });
`;
/** More than the relay's queue has room for. */
const QUEUE_FILLERS = 8;

const target = (name: string, port: number) => `---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: ${name}, namespace: data, labels: {app: ${name}, env: prod}}
spec:
  expose: {service: ${name}-db, port: 3306}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${port}, role: Primary}]
    schemas: [shop]
    tls:
      ca: {file: ../db-ca.pem}
      serverName: localhost
      clientCertificate: {cert: {file: ../upstream.pem}, key: {file: ../upstream-key.pem}}
    broker: {user: postern_${name}, password: {file: ../${name}-password}}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: ${name}, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [payments/checkout]}}]
  targetSelector: {matchLabels: {app: ${name}}}
  role: bad-reader
  serviceClass: patient
`;

/** Short enough for a test, longer than any statement that works. */
const PATIENT = `---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: bad-reader, namespace: data}
spec: {privileges: [{tables: [shop.orders], actions: [select]}]}
---
apiVersion: postern.dev/v1alpha1
kind: ServiceClass
metadata: {name: patient}
spec: {requestTimeout: 2s}
`;

/** Where the mesh finds a target by its name. */
export function serverName(name: string): string {
  return `outbound_.3306_._.${name}-db.data.svc.cluster.local`;
}

/**
 * Two Targets beside `orders` that were good once: `hung` is a MariaDB that is stopped (it accepts
 * and never answers), `lost` one whose host drops packets. To be declared before the gateway starts.
 */
export class BadTargets {
  readonly #hung: TestMariadb;
  readonly #relay: ChildProcess;
  readonly #relayPort: number;
  readonly #fillers: Socket[] = [];

  private constructor(hung: TestMariadb, relay: ChildProcess, relayPort: number) {
    this.#hung = hung;
    this.#relay = relay;
    this.#relayPort = relayPort;
  }

  static async declare(world: World): Promise<BadTargets> {
    const certificate = await world.dbCa.issue({
      commonName: 'localhost',
      dnsNames: ['localhost'],
      usages: ['server'],
    });
    const { certPem, keyPem } = certificate;
    const hung = await startMariadb({ tls: { caPem: world.dbCa.certPem, certPem, keyPem } });
    await hung.rootQuery('CREATE DATABASE shop; CREATE TABLE shop.orders (id INT);');
    const relay = spawn(process.execPath, ['-e', RELAY, String(world.mariadb.port)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [printed] = (await once(relay.stdout, 'data')) as [Buffer];
    const made = new BadTargets(hung, relay, Number(printed.toString()));
    const more = target('hung', hung.port) + target('lost', made.#relayPort) + PATIENT;
    world.writePolicy(world.policyText(more));
    try {
      const policy = join(world.directory, 'policy');
      await bootstrapAsRoot(policy, 'data/hung', hung);
      await bootstrapAsRoot(policy, 'data/lost', world.mariadb);
    } catch (thrown) {
      await made.stop();
      throw thrown;
    }
    return made;
  }

  /** From now on neither answers. */
  async break(): Promise<void> {
    this.#hung.pause();
    this.#relay.kill('SIGSTOP');
    for (let count = 0; count < QUEUE_FILLERS; count += 1) {
      const filler = connect(this.#relayPort, '127.0.0.1').on('error', () => undefined);
      this.#fillers.push(filler);
    }
    await until(
      () => this.#fillers.some((filler) => filler.connecting),
      5_000,
      'the queue is full',
    );
  }

  mend(): void {
    for (const filler of this.#fillers.splice(0)) filler.destroy();
    this.#relay.kill('SIGCONT');
    this.#hung.resume();
  }

  async stop(): Promise<void> {
    this.mend();
    this.#relay.kill('SIGKILL');
    await this.#hung.stop();
  }
}
