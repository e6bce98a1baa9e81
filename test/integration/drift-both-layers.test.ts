// SPDX-License-Identifier: Apache-2.0
// What is changed behind the declaration's back in a cluster and on a database: found and named by
// the command, healed, and adopted.
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { lookoutsOf } from '../../src/app/drift-lookouts.ts';
import { DriftMonitor } from '../../src/app/drift-monitor.ts';
import type { GatewayEvent } from '../../src/audit/record.ts';
import type { Broker } from '../../src/broker/broker.ts';
import { parseSettings } from '../../src/config/read.ts';
import { systemClock } from '../../src/model/clock.ts';
import type { Finding } from '../../src/model/finding.ts';
import type { Lease } from '../../src/model/lease.ts';
import { silentLog } from '../../src/model/log.ts';
import { LayeredWorld } from '../support/layered-world.ts';
import { request } from '../support/lease-target.ts';
import { until } from '../support/world.ts';

describe('drift of both layers', () => {
  let world: LayeredWorld;
  let broker: Broker;
  let lease: Lease;
  let roles: { readonly orders: string; readonly reports: string };

  before(async () => {
    world = await LayeredWorld.start();
    const applied = await world.postern(['apply', '--yes']);
    equal(applied.code, 0, applied.err);
    broker = await world.lease.broker();
    await broker.start();
    lease = await broker.lend(request());
    roles = await roleNames();
  });
  after(() => world.stop());

  const roleNames = async () => {
    const rows = await world.root('SELECT name, data_role AS role FROM postern.role WHERE ready');
    const named = (id: string) => String(rows.find(({ role }) => role === id)?.['name']);
    return { orders: named('data/orders-role'), reports: named('data/reports') };
  };
  const looked = async (): Promise<readonly Finding[]> => {
    const { out, err } = await world.postern(['drift', '--json']);
    ok(out, err);
    const { layers } = JSON.parse(out) as { layers: { findings: Finding[] }[] };
    return layers.flatMap(({ findings }) => findings);
  };
  const nothing = async () => {
    const { code, out, err } = await world.postern(['drift']);
    deepEqual([code, out], [0, 'prod: as declared.\ndata/orders: as declared.\n'], err);
  };
  const account = () => `'${lease.account}'@'%'`;
  const mapping = (role: string, user: string, host: string) =>
    `INSERT INTO mysql.roles_mapping VALUES ('${host}', '${user}', '${role}', 'N'); FLUSH PRIVILEGES`;
  const open = { rules: [{}] };
  const definer = async () => {
    const [row] = await world.root('SELECT definer FROM postern.view');
    return `\`${row?.['definer']}\`@localhost`;
  };

  type Plant = readonly [named: string, plant: () => unknown];
  const sql = (text: () => string | Promise<string>) => async () => world.root(await text());
  /** Named `code subject`; all of them are there at one time. */
  const PLANTS = (): readonly Plant[] => [
    [
      'object-deleted AuthorizationPolicy data/postern-orders-allow',
      () => world.remove('AuthorizationPolicy', 'postern-orders-allow'),
    ],
    [
      'object-edited AuthorizationPolicy data/postern-orders-deny',
      () => world.edit('AuthorizationPolicy', 'postern-orders-deny', { spec: { action: 'ALLOW' } }),
    ],
    [
      'object-edited PeerAuthentication data/postern-orders',
      () =>
        world.edit('PeerAuthentication', 'postern-orders', {
          spec: { portLevelMtls: { 3306: { mode: 'PERMISSIVE' } } },
        }),
    ],
    [
      'object-edited NetworkPolicy data/postern-orders',
      () => world.edit('NetworkPolicy', 'postern-orders', { spec: { ingress: [{}] } }),
    ],
    [
      'object-edited Service postern-system/orders-db',
      () => world.edit('Service', 'orders-db', { spec: { selector: { app: 'imposter' } } }),
    ],
    [
      'object-unmarked PeerAuthentication postern-system/postern',
      () =>
        world.edit(
          'PeerAuthentication',
          'postern',
          {},
          { namespace: 'postern-system', annotations: { 'postern.dev/installation': null } },
        ),
    ],
    [
      'object-undeclared NetworkPolicy data/leftover',
      () =>
        world.create(
          'NetworkPolicy',
          { spec: { podSelector: { matchLabels: { app: 'x' } } } },
          {
            name: 'leftover',
            labels: { 'app.kubernetes.io/managed-by': 'postern' },
            annotations: { 'postern.dev/installation': 'postern/prod' },
          },
        ),
    ],
    [
      'object-foreign-opens AuthorizationPolicy data/theirs',
      () => world.create('AuthorizationPolicy', { spec: open }),
    ],
    [
      'object-foreign-opens AuthorizationPolicy istio-system/for-all',
      () =>
        world.create(
          'AuthorizationPolicy',
          { spec: open },
          { name: 'for-all', namespace: 'istio-system' },
        ),
    ],
    [
      'object-foreign-opens PeerAuthentication data/theirs',
      () => world.create('PeerAuthentication', { spec: { mtls: { mode: 'DISABLE' } } }),
    ],
    [
      'object-foreign-opens NetworkPolicy data/theirs',
      () => world.create('NetworkPolicy', { spec: { podSelector: {}, ingress: [{}] } }),
    ],
    [
      `role-right-extra role ${roles.orders}`,
      sql(() => `GRANT DELETE ON shop.orders TO \`${roles.orders}\``),
    ],
    [
      `role-right-missing role ${roles.reports}`,
      sql(() => `REVOKE INSERT ON shop.reports FROM \`${roles.reports}\``),
    ],
    [`role-member-extra role ${roles.reports}`, sql(() => `GRANT theirs TO \`${roles.reports}\``)],
    [
      `role-holder-extra role ${roles.orders}`,
      sql(() => mapping(roles.orders, 'app', 'localhost')),
    ],
    [
      `composite-right-extra composite ${lease.role}`,
      sql(() => `GRANT SELECT ON other.t TO \`${lease.role}\``),
    ],
    [
      `composite-unregistered composite pc_${'0'.repeat(32)}`,
      sql(() => `CREATE ROLE pc_${'0'.repeat(32)}`),
    ],
    [
      `lease-right-extra lease ${lease.account}@%`,
      sql(() => `GRANT SELECT ON other.t TO ${account()}`),
    ],
    [
      `lease-login-changed lease ${lease.account}@%`,
      sql(() => `ALTER USER ${account()} IDENTIFIED BY 'known'`),
    ],
    [
      'lease-unregistered lease postern:000000:workload/x:0123456789@%',
      sql(() => "CREATE USER 'postern:000000:workload/x:0123456789'@'%'"),
    ],
    [
      'view-text-changed view shop.customers_public',
      sql(
        async () =>
          `CREATE OR REPLACE DEFINER=${await definer()} VIEW shop.customers_public AS SELECT id, email AS name FROM shop.customers`,
      ),
    ],
    [
      'view-definer-unregistered view-definer postern_view_0123456789abcdef@localhost',
      sql(() => 'CREATE USER postern_view_0123456789abcdef@localhost ACCOUNT LOCK'),
    ],
    [
      'owner-right-extra owner postern_owner@localhost',
      sql(() => 'GRANT SELECT ON shop.orders TO postern_owner@localhost'),
    ],
    [
      'broker-right-extra broker postern_broker@%',
      sql(() => "GRANT EXECUTE ON PROCEDURE postern.end_lease TO postern_broker@'%'"),
    ],
    [
      'reader-right-extra reader postern_reader@%',
      sql(() => "GRANT SELECT ON shop.* TO postern_reader@'%'"),
    ],
    [
      'account-shadowed account postern_broker@10.0.0.1',
      sql(() => "CREATE USER postern_broker@'10.0.0.1'"),
    ],
    [
      'foreign-account account app@localhost',
      sql(() => 'GRANT SELECT ON shop.orders TO app@localhost'),
    ],
    [
      'foreign-pattern account pat@localhost',
      sql(() => 'CREATE USER pat@localhost; GRANT SELECT ON `sho_`.* TO pat@localhost'),
    ],
    ['foreign-account account theirs', sql(() => 'GRANT SELECT ON shop.* TO theirs')],
    ['public-widened PUBLIC', sql(() => 'GRANT SELECT ON shop.customers TO PUBLIC')],
    ["anonymous-account account ''@10.0.0.1", sql(() => "CREATE USER ''@'10.0.0.1'")],
    [
      "anonymous-access account ''@%",
      sql(
        () =>
          "INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('%', 'test\\_%', '', 'Y'); FLUSH PRIVILEGES",
      ),
    ],
    [
      'proxy-foreign account prox@localhost',
      sql(
        () => `CREATE USER prox@localhost; INSERT INTO mysql.proxies_priv
          (Host, User, Proxied_host, Proxied_user, With_grant)
          VALUES ('localhost', 'prox', '%', 'postern_broker', 0); FLUSH PRIVILEGES`,
      ),
    ],
  ];

  it('finds nothing after an apply', nothing);

  it('names everything that was changed: where, who, which line, what undoes it', async () => {
    const plants = PLANTS();
    ok(plants.length >= 30, `${plants.length}`);
    for (const [, plant] of plants) await plant();
    const found = await looked();
    deepEqual(
      found.map(({ code, subject }) => `${code} ${subject}`).sort(),
      plants.map(([named]) => named).sort(),
    );
    const undeclared = (one: Finding) => one.code === 'object-undeclared';
    for (const one of found) {
      const text = JSON.stringify(one);
      equal(one.cause, 'drift', text);
      ok(one.where === (one.layer === 'mesh' ? 'prod' : 'data/orders'), text);
      ok(undeclared(one) || one.rules.length > 0, text);
      ok(one.remedy.length > 0, text);
      ok('edits' in one.adoption || one.adoption.impossible.length > 10, text);
    }
    const who = (code: string, layer: string) =>
      found.filter((one) => one.code === code && one.layer === layer).map((one) => one.who.join());
    deepEqual(new Set(who('object-edited', 'mesh')), new Set(['kubectl-edit']));
    deepEqual(who('lease-right-extra', 'database'), [`${lease.account}@%`]);
    deepEqual(who('role-holder-extra', 'database'), ['app@localhost']);
    const { code, out } = await world.postern(['drift']);
    equal(code, 1);
    match(
      out,
      /! object-edited: PeerAuthentication data\/postern-orders\. differs in spec\.portLevel/,
    );
    match(
      out,
      /kubectl patch peerauthentication\.security\.istio\.io\/postern-orders -n data --type/,
    );
    match(out, /never legal: plaintext has no identity to declare/);
    match(out, /Next: postern drift --heal, or postern drift --adopt\n$/);
    const one = await world.postern(['drift', 'prod', '--json']);
    deepEqual(
      (JSON.parse(one.out) as { layers: { where: string }[] }).layers.map(({ where }) => where),
      ['prod'],
    );
  });

  it('heals what is ours after asking, and leaves what is not to an administrator', async () => {
    const before = await looked();
    const declined = await world.postern(['drift', '--heal'], 'no');
    deepEqual([declined.code, declined.err], [1, 'Nothing was healed.\n']);
    deepEqual(await looked(), before);
    const { code, out, err } = await world.postern(['drift', '--heal'], 'yes');
    equal(code, 1, out + err);
    const left = await looked();
    const ours = before.filter(({ by }) => by === 'apply');
    ok(ours.length >= 18, `${ours.length} are ours`);
    deepEqual(
      left.map(({ code, subject }) => `${code} ${subject}`).sort(),
      before
        .filter(({ by }) => by === 'operator')
        .map(({ code, subject }) => `${code} ${subject}`)
        .sort(),
    );
    for (const { layer, remedy } of left) {
      for (const line of remedy) {
        if (layer === 'database') await world.root(line);
        else await kubectl(line);
      }
    }
    await nothing();
    lease = await broker.lend(request('payments/other'));
    await nothing();
  });

  /** The two verbs of kubectl that an administrator is told. */
  const kubectl = async (line: string) => {
    const words = line.split(' ');
    const [kind = '', name = ''] = (words[2] ?? '').split('/');
    const namespace = words[words.indexOf('-n') + 1] ?? '';
    const known = ['AuthorizationPolicy', 'PeerAuthentication', 'NetworkPolicy'];
    const full = known.find((one) => kind.startsWith(one.toLowerCase())) ?? '';
    if (words[1] === 'delete') return world.remove(full, name, namespace);
    const pair = words.at(-1)?.split('=') ?? [];
    const field = words[1] === 'label' ? 'labels' : 'annotations';
    return world.edit(full, name, {}, { namespace, [field]: { [pair[0] ?? '']: pair[1] ?? '' } });
  };

  it('heals what was dropped', async () => {
    const dropped: readonly Plant[] = [
      [`role-missing role ${roles.orders}`, sql(() => `DROP ROLE \`${roles.orders}\``)],
      ['view-missing view shop.customers_public', sql(() => 'DROP VIEW shop.customers_public')],
      [`lease-missing lease ${lease.account}@%`, sql(() => `DROP USER ${account()}`)],
      [
        'object-deleted Service postern-system/orders-db',
        () => world.remove('Service', 'orders-db', 'postern-system'),
      ],
    ];
    for (const [, plant] of dropped) await plant();
    const names = (await looked()).map(({ code, subject }) => `${code} ${subject}`);
    for (const [named] of dropped) ok(names.includes(named), `${named} in ${names.join('\n')}`);
    const { code, err } = await world.postern(['drift', '--heal', '--yes']);
    equal(code, 0, err);
    await nothing();
  });

  it('prints the declaration that makes it legal; then there is nothing to do', async () => {
    const source = { principals: ['prod.local/ns/metrics/sa/exporter'] };
    for (const plant of [
      sql(() => 'GRANT SELECT ON shop.orders TO app@localhost'),
      sql(() => 'GRANT SELECT ON `sho_`.* TO pat@localhost'),
      sql(() => 'GRANT SELECT ON shop.reports TO theirs'),
      sql(() => mapping(roles.reports, 'app', 'localhost')),
      sql(() => `GRANT DELETE ON shop.orders TO \`${roles.orders}\``),
      sql(() => `GRANT SELECT (email) ON shop.customers TO \`${roles.reports}\``),
      sql(() => `REVOKE INSERT ON shop.orders FROM \`${roles.orders}\``),
      () => world.create('AuthorizationPolicy', { spec: { rules: [{ from: [{ source }] }] } }),
    ]) {
      await plant();
    }
    const planted = await looked();
    equal(planted.length, 8, JSON.stringify(planted, null, 1));
    const text = await world.postern(['drift', '--adopt']);
    equal(text.code, 0, text.out + text.err);
    match(
      text.out,
      /^# policy\/orders\.yaml:6: instead of the Target\/data\/orders that is there\n/,
    );
    match(text.out, /operators: \[ ?root@127\.0\.0\.1, .*app@localhost/);
    match(
      text.err,
      /The documents make legal:\n(.*\n){8}Next: write them, postern check, and postern/,
    );
    const { out } = await world.postern(['drift', '--adopt', '--json']);
    world.write(JSON.parse(out).documents);
    const pending = await looked();
    deepEqual(
      pending.filter(({ by }) => by !== 'apply'),
      [],
      'what is left is to be applied',
    );
    const applied = await world.postern(['apply', '--yes']);
    equal(applied.code, 0, applied.out + applied.err);
    await nothing();
    const plan = await world.postern(['plan']);
    equal(plan.code, 0, plan.out);
    match(plan.out, /Plan: 0 steps\./);
  });

  it('is seen by a gateway that watches, long before its next look', async () => {
    const events: GatewayEvent[] = [];
    const { policy } = await world.lease.policy();
    const { kubeconfig } = world;
    const text = `listeners: [{name: a, address: "127.0.0.1:0", protocol: mysql, accept: MeshTls}]
drift: {interval: 1h, clusters: [{name: prod, kubeconfig: ${kubeconfig}}]}`;
    const settings = parseSettings(text, join(world.lease.directory, 'postern.yaml'));
    const monitor = new DriftMonitor({
      intervalMs: settings.drift.interval,
      clock: systemClock,
      log: silentLog,
      audit: { append: (event) => void events.push(event as GatewayEvent) },
      random: () => 0,
      lookouts: (declared) => lookoutsOf(declared, settings, systemClock, silentLog),
    });
    const told = () =>
      events.flatMap(({ finding: one, detail }) => [
        one ? `${one.state} ${one.code} ${one.subject} ${one.who.join()}` : detail,
      ]);
    try {
      monitor.follow(policy);
      const all = () => monitor.views().filter(({ checkedAt }) => checkedAt !== undefined);
      await until(() => all().length === 2, 10_000, 'both were looked at');
      deepEqual(told(), []);
      const watching = () => world.api.seen.filter(({ path }) => /[?&]watch=1/.test(path)).length;
      await until(() => watching() >= 5, 10_000, 'it watches');
      await world.edit('PeerAuthentication', 'postern-orders', {
        spec: { portLevelMtls: { 3306: { mode: 'PERMISSIVE' } } },
      });
      const edited = 'object-edited PeerAuthentication data/postern-orders kubectl-edit';
      await until(() => told().length === 1, 10_000, 'an edited object');
      await world.create('NetworkPolicy', { spec: { podSelector: {}, ingress: [{}] } });
      await until(() => told().length === 2, 10_000, 'an object of others');
      await world.remove('NetworkPolicy', 'theirs');
      await until(() => told().length === 3, 10_000, 'it is gone');
      const opened = 'object-foreign-opens NetworkPolicy data/theirs kubectl-edit';
      deepEqual(told(), [`appeared ${edited}`, `appeared ${opened}`, `gone ${opened}`]);
    } finally {
      monitor.stop();
    }
  });
});
