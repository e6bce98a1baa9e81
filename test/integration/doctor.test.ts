// SPDX-License-Identifier: Apache-2.0
import { equal, match } from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { runCli } from '../../src/cli/cli.ts';
import { World } from '../support/world.ts';

describe('postern doctor', () => {
  let world: World;
  before(async () => {
    world = await World.start({ gateway: false });
    const broker = '    broker: {user: postern_broker, password: {file: ../broker-password}}\n';
    const reader =
      '    reader: {user: postern_reader, password: {file: ../reader-password}}\n    operators: [root@127.0.0.1]\n';
    world.writePolicy(world.policyText().replace(broker, broker + reader));
    await world.bootstrap();
    await world.startGateway();
  });
  after(() => world.stop());

  const doctor = async (...words: string[]) => {
    let out = '';
    const say = (text: string) => {
      out += `${text}\n`;
    };
    const context = { cwd: world.directory, env: {}, interactive: false, out: say, err: say };
    return { code: await runCli(['doctor', ...words], context), out };
  };
  /** The probe's address is taken freely; the doctor is told where it is. */
  const withProbe = () => {
    const text = world
      .settingsText()
      .replace("'127.0.0.1:0'}", `'${world.gateway?.probeAddress}'}`);
    world.write('doctor.yaml', text);
    return ['--config', 'doctor.yaml'];
  };

  it('finds that all is well', async () => {
    const { code, out } = await doctor(...withProbe());
    match(out, /^\+ files: all are there and readable$/m);
    match(out, /^\+ tls: .* ends in \d+/m);
    match(out, /^\+ Target\/data\/orders client certificate: CN=postern ends in/m);
    match(out, /^\+ Target\/data\/orders: reached as the broker, 10\./m);
    match(out, /^\+ drift of data\/orders: as declared$/m);
    match(out, /^\+ gateway: http:\/\/127\.0\.0\.1:\d+\/readyz is ready$/m);
    equal(code, /^! declaration/m.test(out) ? 1 : 0, out);
  });

  it('tells drift, and where nothing answers', async () => {
    await world.mariadb.rootQuery("CREATE USER eve@'%'; GRANT SELECT ON shop.* TO eve@'%'");
    world.write('doctor.yaml', world.settingsText().replace("'127.0.0.1:0'}", "'127.0.0.1:1'}"));
    const { code, out } = await doctor('--config', 'doctor.yaml');
    match(out, /^! drift of data\/orders: 1 not as declared: foreign-account\n {4}postern drift$/m);
    match(out, /^! gateway: nothing answers at .*ECONNREFUSED.*\n {4}postern serve$/m);
    equal(code, 1);
  });

  it('tells what does not work, and what to do', async () => {
    world.write('broker-password', 'wrong');
    const ended = await world.serverCa.issue({
      commonName: 'localhost',
      dnsNames: ['localhost'],
      usages: ['server'],
      notAfter: new Date(Date.now() - 60_000),
      notBefore: new Date(Date.now() - 3_600_000),
    });
    world.write('server.pem', ended.chainPem);
    world.write('server-key.pem', ended.keyPem);
    const { code, out } = await doctor();
    match(out, /^x tls: CN=localhost ended /m);
    match(
      out,
      /^x Target\/data\/orders: .*refused the login of postern_broker.*\n {4}postern boot/m,
    );
    equal(code, 3);
    const json = await doctor('--json');
    equal(
      JSON.parse(json.out).checks.some((one: { state: string }) => one.state === 'bad'),
      true,
    );
    world.write('postern.yaml', 'listeners: 7');
    equal((await doctor()).code, 2);
  });
});
