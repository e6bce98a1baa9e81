// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { after, before, describe, it } from 'node:test';
import { createConnection, type RowDataPacket } from 'mysql2/promise';
import { CertificateStore } from '../../src/agent/certificate-store.ts';
import { openAuthority } from '../../src/identity/authority.ts';
import { AuthorityPlace, TRUST_DOMAIN } from '../support/authority-world.ts';
import { CliProcess, runCliProcess } from '../support/cli-process.ts';
import { sidecar } from '../support/drivers.ts';
import { until, World } from '../support/world.ts';

const SNI = 'orders.db.example';

interface Identity {
  readonly chainPem: string;
  readonly keyPem: string;
}

describe('ca-rollover', () => {
  let world: World;
  let place: AuthorityPlace;
  let agents: CliProcess[] = [];
  const store = (name: string) => new CertificateStore(world.path(name));

  before(async () => {
    world = await World.start({ gateway: false });
    place = await AuthorityPlace.make(world.directory);
    world.writePolicy(world.policyText(place.policy));
    world.write('postern-ca.yaml', place.settingsText('life: 8s'));
    await place.serve();
    // The gateway itself lives on a certificate of the authority, as its workloads do.
    const own = 'mesh: {certificate: gateway-id/certificate.pem, key: gateway-id/key.pem}';
    world.write('postern.yaml', world.settingsText().replace(/^mesh: .*$/m, own));
    await agent('gateway-id', 'postern-system/postern');
    await agent('workload-id', 'payments/checkout');
    await world.startGateway();
  });
  after(async () => {
    for (const { child } of agents) child.kill('SIGTERM');
    agents = [];
    await place.stop();
    await world.stop();
  });

  async function agent(directory: string, account: string): Promise<void> {
    world.write(`${directory}-token`, place.token(account));
    const words = ['agent', '--authority', place.url.replace('127.0.0.1', 'localhost')];
    const how = ['--ca', 'ca/bundle.pem', '--token-file', `${directory}-token`];
    const started = new CliProcess([...words, ...how, '--dir', directory], {
      cwd: world.directory,
    });
    agents.push(started);
    await until(() => store(directory).current() !== undefined, 10_000, started.err);
  }

  /** Where the workload meets the gateway, with the roots it knows. */
  const mesh = () => ({
    meshCa: { certPem: store('workload-id').bundle() },
    port: (listener: 'mesh') => world.port(listener),
  });
  const ofWorkload = (): Identity => {
    const pair = store('workload-id').current();
    ok(pair);
    return { chainPem: pair.chainPem, keyPem: pair.keyPem.reveal() };
  };
  async function whoIs(identity: Identity): Promise<string> {
    const stream = await sidecar(mesh(), identity, SNI);
    const connection = await createConnection({ stream, user: 'anybody', database: 'shop' });
    const [rows] = await connection.query<RowDataPacket[]>('SELECT USER() AS who');
    await connection.end();
    return String(rows[0]?.['who']);
  }
  const accepted = (identity: Identity) =>
    whoIs(identity).then(
      () => true,
      () => false,
    );
  const issuerOf = ({ chainPem }: Identity) => new X509Certificate(chainPem).issuer;
  /** A certificate of an intermediate that is not asked for one in the ordinary way. */
  async function directly(intermediate: number): Promise<Identity> {
    const paths = place.directory.intermediate(intermediate);
    const certPem = place.directory.readCertificate(paths);
    const keyPem = place.directory.readKey(paths);
    const authority = await openAuthority({ certPem, keyPem, intermediatesPem: certPem });
    const spiffeId = `spiffe://${TRUST_DOMAIN}/ns/payments/sa/checkout`;
    const issued = await authority.issue({ spiffeId, usages: ['client'] });
    return { chainPem: issued.chainPem, keyPem: issued.keyPem.reveal() };
  }

  it('lets the stock client in with what the agent got', async () => {
    const sql = 'SELECT COUNT(*), USER() LIKE "%vms/payments/checkout%" FROM orders';
    const where = `--protocol=tcp --host=localhost --port=${world.port('token')}`;
    // Through the agent's hook, which finds the files in its environment.
    const ours = '--ssl-cert="$POSTERN_CERTIFICATE" --ssl-key="$POSTERN_KEY"';
    const theirs = '--ssl-ca=server-ca.pem --ssl-verify-server-cert';
    const hook = `mariadb --no-defaults ${where} ${theirs} ${ours} -u x -N shop -e '${sql}'`;
    const how = ['--ca', 'ca/bundle.pem', '--token-file', 'workload-id-token', '--dir', 'once'];
    const { code, out, err } = await runCliProcess(
      ['agent', '--once', '--authority', place.url, ...how, '--', 'sh', '-c', hook],
      { cwd: world.directory },
    );
    equal(code, 0, err);
    match(out, /^3\t1$/m);
  });

  it('replaces the root without one failed login', async () => {
    const failures: string[] = [];
    let logins = 0;
    let going = true;
    const reconnecting = (async () => {
      while (going) {
        try {
          match(await whoIs(ofWorkload()), /workload\/vms\/payments\/checkout/);
          logins += 1;
        } catch (cause) {
          failures.push(String(cause));
        }
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
    })();
    const roots = (name: string) => store(name).bundle().split('BEGIN CERT').length - 1;
    const old = await directly(1);
    ok(await accepted(old));

    deepEqual(await place.keeper.roll('publish'), { is: 'due' });
    equal((await place.keeper.roll('activate')).is, 'early');
    await until(() => roots('workload-id') === 2 && roots('gateway-id') === 2, 10_000, 'two roots');
    const early = await directly(2);
    await until(() => accepted(early), 20_000, 'the gateway knows the new root');

    equal((await place.keeper.roll('activate', true)).is, 'due');
    const isNew = (name: string) => /intermediate 2/.test(store(name).current()?.leaf.issuer ?? '');
    await until(() => isNew('workload-id') && isNew('gateway-id'), 15_000, 'the new root signs');
    const before = logins;
    await until(() => logins > before + 5, 10_000, 'logins go on');
    ok(await accepted(old), 'certificates of the old root are still good');
    match(issuerOf(ofWorkload()), /intermediate 2/);

    equal((await place.keeper.roll('finish')).is, 'early');
    equal((await place.keeper.roll('finish', true)).is, 'due');
    await until(async () => !(await accepted(old)), 20_000, 'the old root is not believed');
    await until(() => roots('workload-id') === 1, 10_000, 'one root');
    const last = logins;
    await until(() => logins > last + 5, 10_000, 'logins go on');
    going = false;
    await reconnecting;
    deepEqual(failures, []);
    ok(logins > 30, `${logins}`);
    equal(readFileSync(place.directory.bundle, 'utf8'), store('workload-id').bundle());
  });
});
