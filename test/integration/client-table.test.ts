// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { type AddressInfo, connect, createServer, type Server } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { encodeProxyHeader } from '../../src/wire/proxy-v2.ts';
import { DriverWorld } from '../support/driver-world.ts';
import { recordsOf } from '../support/evidence.ts';
import { repositoryFile } from '../support/repository-file.ts';
import { ticketFor } from '../support/ticket.ts';
import type { World } from '../support/world.ts';
import { FEATURES, type FeaturePlace, type Outcomes } from './clients/feature.ts';
import { mariadbConnector, mysql2 } from './clients/node-clients.ts';
import {
  commandLine,
  connectorJ,
  goSqlDriver,
  keyStoreOf,
  missingClients,
  mysqlConnectorPython,
  pymysql,
} from './clients/process-clients.ts';

type Client = (place: FeaturePlace) => Promise<Outcomes>;

const CLIENTS: Readonly<Record<string, Client | undefined>> = {
  '`mariadb` 10.11': commandLine,
  mysql2: mysql2,
  'MariaDB Connector/Node.js': mariadbConnector,
  'MariaDB Connector/J': connectorJ,
  PyMySQL: pymysql,
  'MySQL Connector/Python': mysqlConnectorPython,
  'go-sql-driver': goSqlDriver,
};

const PROXIED =
  '{name: proxied, address: "unix:proxied/orders.sock", protocol: mysql, accept: ProxyV2, proxy: {cluster: prod}, target: data/orders}';

const PAGE = repositoryFile('docs/protocols/mysql.md');
const [START, END] = ['<!-- clients -->\n', '<!-- /clients -->'];

/** Runs each client through each front end; the table of docs/protocols/mysql.md is what it saw. */
describe('clients, front ends and features', () => {
  let drivers: DriverWorld;
  let proxy: Server | undefined;
  const places: Record<string, Omit<FeaturePlace, 'mark'>> = {};
  const rows = new Map<string, string>();

  before(async () => {
    drivers = await DriverWorld.start([PROXIED]);
    const { world } = drivers;
    world.write('load.csv', 'f1,one\nf2,two\n');
    const identity = await world.workload('tests', 'drivers');
    world.write('client.pem', identity.chainPem);
    world.write('client-key.pem', identity.keyPem);
    const [certFile, keyFile] = [world.path('client.pem'), world.path('client-key.pem')];
    keyStoreOf(certFile, keyFile, world.path('client.p12'));
    const ticket = await ticketFor(world, world.token('dora', ['drivers']));
    const { token, mesh } = drivers.places;
    const file = world.path('load.csv');
    const secured = { ...token, file };
    places['mesh mTLS'] = { ...mesh, file };
    places['mesh mTLS, TLS insisted on'] = {
      ...{ ...mesh, host: 'localhost', file },
      ...(token.caFile !== undefined && { caFile: token.caFile }),
    };
    const proxied = { host: '127.0.0.1', port: await startProxy(world), file };
    places['PROXY v2'] = { ...proxied, user: 'anybody', password: '' };
    places['token'] = { ...secured, clear: true };
    places['ticket'] = { ...secured, user: ticket.user, password: ticket.password };
    const keyStore = world.path('client.p12');
    const nobody = { user: 'anybody', password: '' };
    places['client certificate'] = { ...secured, ...nobody, certFile, keyFile, keyStore };
  });
  after(async () => {
    proxy?.close();
    await drivers?.stop();
  });

  /** What a mesh's proxy does: says who calls, then passes everything on. */
  async function startProxy(world: World): Promise<number> {
    const head = encodeProxyHeader({
      source: { ip: '10.1.2.3', port: 40_000 },
      destination: { ip: '10.96.0.7', port: 3306 },
      fields: [{ type: 0xd0, value: Buffer.from('spiffe://prod.local/ns/tests/sa/drivers') }],
    });
    proxy = createServer((down) => {
      const up = connect(world.path('proxied/orders.sock'));
      up.write(head);
      down.pipe(up).on('error', () => down.destroy());
      up.pipe(down).on('error', () => up.destroy());
    });
    proxy.listen(0, '127.0.0.1');
    await once(proxy, 'listening');
    return (proxy.address() as AddressInfo).port;
  }

  for (const [name, client] of Object.entries(CLIENTS)) {
    it(name, { skip: client ? false : 'not installed' }, async (context) => {
      if (!client) return;
      for (const [frontEnd, place] of Object.entries(places)) {
        await drivers.reset();
        const mark = `${name} ${frontEnd}`;
        const outcomes = await client({ ...place, mark });
        const failed = Object.entries(outcomes).filter(([, outcome]) => outcome !== 'ok');
        await context.test(frontEnd, () => deepEqual(failed, []));
        const cells = FEATURES.map((feature) => cell(outcomes[feature]));
        rows.set(`${name}|${frontEnd}`, `| ${[name, frontEnd, ...cells].join(' | ')} |`);
        if (outcomes['query attributes'] === 'ok') checkMark(mark);
      }
    });
  }

  /** What the client sent as a query attribute is in the audit, and nowhere else. */
  function checkMark(mark: string): void {
    const found = recordsOf(drivers.world.path('audit'), 'intent').filter(
      ({ tags }) => tags?.['client_table'] === mark,
    );
    equal(found.length > 0, true, `no record with the attribute of ${mark}`);
  }

  it('are what the page says', () => {
    const page = readFileSync(PAGE, 'utf8');
    const [from, to] = [page.indexOf(START) + START.length, page.indexOf(END)];
    const old = page.slice(from, to);
    const seen = table(old);
    if (process.env['UPDATE'] === '1') {
      deepEqual(missingClients(), [], 'the page is written with all clients');
      writeFileSync(PAGE, page.slice(0, from) + seen + page.slice(to));
    } else equal(old, seen, 'run with UPDATE=1 to write the page anew');
  });

  /** Rows of clients that are not installed stay as they are on the page. */
  function table(old: string): string {
    const known = old.split('\n').filter((line) => line.startsWith('| '));
    const lines = Object.keys(CLIENTS).flatMap((name) => {
      if (!CLIENTS[name]) return known.filter((line) => line.startsWith(`| ${name} |`));
      return Object.keys(places).map((frontEnd) => rows.get(`${name}|${frontEnd}`) ?? '');
    });
    const head = ['Client', 'Front end', ...FEATURES];
    const rule = head.map(() => '---');
    const whole = [`| ${head.join(' | ')} |`, `| ${rule.join(' | ')} |`, ...lines];
    return `\n${whole.join('\n')}\n\n`;
  }
});

function cell(outcome: string | undefined): string {
  if (outcome === undefined) return '-';
  return outcome === 'ok' ? 'yes' : 'no';
}
