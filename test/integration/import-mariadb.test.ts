// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { LedgerEntry } from '../../src/import/ledger.ts';
import { diffPolicies } from '../../src/policy/compare.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import { bootstrapAsRoot } from '../support/bootstrap.ts';
import { cliRun } from '../support/cli-run.ts';
import { startMariadb, type TestMariadb } from '../support/mariadb.ts';

const NOW_MS = Date.UTC(2026, 0, 1);
/** What years of administration leave behind. */
const MESSY = `CREATE DATABASE shop; CREATE DATABASE shop_prod; CREATE DATABASE shopxprod; CREATE DATABASE crm;
CREATE DATABASE \`odd name\`;
CREATE TABLE shop.orders (id INT, total INT); CREATE TABLE crm.people (id INT, name TEXT, salary INT);
CREATE PROCEDURE shop.refund() SELECT 1; CREATE PROCEDURE shop.sums() SELECT 1;
CREATE FUNCTION shop.sums() RETURNS INT RETURN 7;
CREATE ROLE app_rw; GRANT SELECT, INSERT, UPDATE ON shop.* TO app_rw;
CREATE ROLE auditors; GRANT SELECT ON crm.people TO auditors;
CREATE ROLE everything; GRANT auditors TO everything;
CREATE USER app@'%' IDENTIFIED BY 'hunter2-secret' WITH MAX_USER_CONNECTIONS 20 MAX_STATEMENT_TIME 30;
GRANT app_rw TO app@'%'; SET DEFAULT ROLE app_rw FOR app@'%';
CREATE USER app@'10.0.%' IDENTIFIED BY 'hunter2-secret'; GRANT SELECT ON shop.orders TO app@'10.0.%';
CREATE USER twin@'%' IDENTIFIED BY 'hunter2-secret'; GRANT SELECT, INSERT, UPDATE ON shop.* TO twin@'%';
CREATE USER careless@'%' IDENTIFIED BY 'x'; GRANT SELECT ON shop_prod.* TO careless@'%';
CREATE USER careful@'%' IDENTIFIED BY 'x'; GRANT SELECT, CREATE VIEW, SHOW VIEW ON \`shop\\_prod\`.* TO careful@'%';
CREATE USER hr@'%' IDENTIFIED BY 'x' REQUIRE X509;
GRANT SELECT (id, name), UPDATE (name) ON crm.people TO hr@'%';
CREATE USER jobs@'%' IDENTIFIED BY 'x' WITH MAX_QUERIES_PER_HOUR 7200 MAX_UPDATES_PER_HOUR 10;
GRANT EXECUTE ON PROCEDURE shop.refund TO jobs@'%'; GRANT EXECUTE ON PROCEDURE shop.sums TO jobs@'%';
GRANT EXECUTE, ALTER ROUTINE ON shop.* TO jobs@'%';
CREATE USER dba@'%' IDENTIFIED BY 'x'; GRANT ALL ON *.* TO dba@'%' WITH GRANT OPTION;
CREATE USER batch@localhost IDENTIFIED VIA unix_socket; GRANT SELECT, RELOAD ON *.* TO batch@localhost;
CREATE USER lead@'%' IDENTIFIED BY 'x'; GRANT everything TO lead@'%' WITH ADMIN OPTION;
CREATE USER sleeper@'%' IDENTIFIED BY 'x' ACCOUNT LOCK; GRANT SELECT ON shop.* TO sleeper@'%';
CREATE USER idle@'%' IDENTIFIED BY 'x';
CREATE USER spacey@'%' IDENTIFIED BY 'x'; GRANT SELECT ON \`odd name\`.* TO spacey@'%';
CREATE USER 'we"ir: d'@'%' IDENTIFIED BY 'x'; GRANT DELETE ON shop.orders TO 'we"ir: d'@'%';
CREATE USER mysqlish@'%' IDENTIFIED BY 'x'; GRANT SELECT ON mysql.user TO mysqlish@'%';
CREATE USER IF NOT EXISTS ''@localhost;
INSERT INTO mysql.proxies_priv (Host, User, Proxied_host, Proxied_user, With_grant) VALUES ('%', 'lead', '%', 'app', 0);
GRANT SELECT ON crm.people TO PUBLIC; GRANT auditors TO PUBLIC;
INSERT INTO mysql.db (Host, Db, User, Select_priv) VALUES ('%', 'crm', 'gone', 'Y'); FLUSH PRIVILEGES;`;

const CLUSTER = `apiVersion: postern.dev/v1alpha1
kind: Cluster
metadata: {name: prod}
spec: {bundle: {file: ca.pem}}
`;

interface Result {
  readonly entries: readonly LedgerEntry[];
  readonly counts: Record<string, number>;
  readonly declaration: string;
}

describe('import of a MariaDB', () => {
  let mariadb: TestMariadb;
  const directory = mkdtempSync(join(tmpdir(), 'postern-import-'));
  const write = (path: string, text: string) => {
    mkdirSync(join(directory, path, '..'), { recursive: true });
    writeFileSync(join(directory, path), text);
  };
  const run = (...argv: string[]) =>
    cliRun(directory, ['import', 'mariadb', '--port', String(mariadb.port), ...argv], {
      POSTERN_ADMIN_PASSWORD: mariadb.rootPassword,
    });
  const messy = (...argv: string[]) =>
    run('--name', 'orders', '--insecure-plaintext', '--policy', 'base', ...argv);
  const json = async (...argv: string[]) =>
    JSON.parse((await messy('--json', ...argv)).out) as Result;
  const number = async (sql: string) =>
    Number(Object.values((await mariadb.rootQuery(sql))[0] ?? {})[0]);

  before(async () => {
    mariadb = await startMariadb({ stockTestDatabase: true });
    await mariadb.rootQuery(MESSY);
    write('base/cluster.yaml', CLUSTER);
  });
  after(async () => {
    await mariadb.stop();
    rmSync(directory, { recursive: true });
  });

  /** Counted from the tables, without anything that the import is made of. */
  async function factsOnServer(): Promise<number> {
    const flags = await mariadb.rootQuery(
      "SELECT COLUMN_NAME AS c FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = 'mysql' AND TABLE_NAME = 'db' AND COLUMN_NAME LIKE '%\\_priv'",
    );
    const held = flags.map(({ c }) => `(${c} = 'Y')`).join(' + ');
    const members = (set: string) =>
      `IF(${set} = '', 0, 1 + LENGTH(${set}) - LENGTH(REPLACE(${set}, ',', '')))`;
    const value = (key: string) => `IFNULL(JSON_VALUE(Priv, '$.${key}'), 0)`;
    const counts = await Promise.all(
      [
        'SELECT COUNT(*) FROM mysql.global_priv',
        `SELECT SUM(BIT_COUNT(${value('access')})) FROM mysql.global_priv`,
        `SELECT SUM(${held}) FROM mysql.db`,
        `SELECT SUM(${members('Table_priv')}) FROM mysql.tables_priv`,
        `SELECT SUM(${members('Column_priv')}) FROM mysql.columns_priv`,
        `SELECT SUM(${members('Proc_priv')}) FROM mysql.procs_priv`,
        'SELECT COUNT(*) FROM mysql.roles_mapping',
        'SELECT COUNT(*) FROM mysql.proxies_priv',
        `SELECT SUM((${value('max_user_connections')} > 0) + (${value('max_statement_time')} > 0) + (${value('max_questions')} > 0) + (${value('max_updates')} > 0) + (${value('max_connections')} > 0)) FROM mysql.global_priv`,
        `SELECT SUM((${value('account_locked')} = 1) + (${value('ssl_type')} > 0) + (IFNULL(JSON_VALUE(Priv, '$.default_role'), '') <> '')) FROM mysql.global_priv`,
        `SELECT COUNT(*) FROM mysql.global_priv WHERE ${value('is_role')} = 0 AND (IFNULL(JSON_VALUE(Priv, '$.plugin'), '') <> 'mysql_native_password' OR JSON_EXISTS(Priv, '$.auth_or'))`,
      ].map(number),
    );
    return counts.reduce((sum, one) => sum + one, 0);
  }

  it('accounts for everything that the grant tables hold', async () => {
    const { entries, counts } = await json();
    const facts = await factsOnServer();
    assert.ok(facts > 150, `a messy server, ${facts}`);
    assert.equal(entries.length, facts);
    assert.equal(counts['facts'], facts);
    for (const { outcome, into, why, text } of entries) {
      assert.equal(outcome === 'left', into.length === 0, text);
      assert.ok(outcome === 'carried' || (why !== undefined && why.length > 10), text);
    }
  });

  it('says of each kind of mess what became of it', async () => {
    const { entries } = await json();
    const outcomeOf = (origin: string, text: RegExp) => {
      const found = entries.filter((one) => one.origin === origin && text.test(one.text));
      assert.equal(found.length, 1, `${origin} ${text}: ${found.length}`);
      const [{ outcome, why = '' } = { outcome: '' }] = found;
      return `${outcome} ${why}`;
    };
    const cases: readonly (readonly [string, RegExp, RegExp])[] = [
      ['role app_rw', /INSERT on shop/, /^carried/],
      ['account app@%', /may log in/, /^left .*nothing tells whose/],
      ['account careless@%', /SELECT on shop_prod/, /^changed narrower: .*shop_prod, shopxprod/],
      ['account careful@%', /SELECT on shop\\_prod/, /^carried/],
      ['account careful@%', /CREATE VIEW/, /^left .*outlive the lease/],
      ['account hr@%', /SELECT on crm.people \(name\)/, /^carried/],
      ['account hr@%', /requires x509/, /^left/],
      ['account jobs@%', /EXECUTE on procedure shop.refund/, /^carried/],
      ['account jobs@%', /EXECUTE on procedure shop.sums/, /^changed wider/],
      ['account jobs@%', /^EXECUTE on shop/, /^changed narrower: the routines that exist now/],
      ['account jobs@%', /MAX_QUERIES_PER_HOUR 7200/, /^left .*per second/],
      ['account dba@%', /^GRANT OPTION on \*/, /^left/],
      ['account dba@%', /^SUPER/, /^left .*administers the server/],
      ['account batch@localhost', /^SELECT on \*/, /^changed narrower: .*crm, shop/],
      ['account batch@localhost', /another way than one password/, /^left/],
      ['account sleeper@%', /SELECT on shop/, /^left the account is locked/],
      ['account spacey@%', /SELECT on odd name/, /^left .*cannot be written/],
      ['account mysqlish@%', /SELECT on mysql.user/, /^left mysql belongs to/],
      ['account idle@%', /may log in/, /^left it holds nothing/],
      ['account @localhost', /may log in/, /^left anybody/],
      ['account gone@%', /SELECT on crm/, /^left .*DELETE them/],
      ['role PUBLIC', /SELECT on crm.people/, /^left every account holds it/],
      ['account lead@%', /may log in as app@%/, /^left nobody may become/],
    ];
    for (const [origin, text, expected] of cases) assert.match(outcomeOf(origin, text), expected);
  });

  it('writes a declaration that checks, a report and a map, and none of the secrets', async () => {
    const { code, out, err } = await messy('--out', 'first');
    assert.equal(code, 1, err);
    assert.match(out, /Next: write into first\/orders.accounts.map/);
    const files = ['orders.yaml', 'orders.report.txt', 'orders.accounts.map'];
    const texts = files.map((name) => readFileSync(join(directory, 'first', name), 'utf8'));
    for (const text of [out, err, ...texts]) assert.doesNotMatch(text, /hunter2|\*[0-9A-F]{40}/);
    assert.match(texts[0] ?? '', /enforcement: Observe/);
    assert.match(texts[2] ?? '', /# SELECT on shop.orders\n {2}"app@10.0.%":/);
    const checked = await cliRun(directory, ['check', 'base', 'first']);
    assert.equal(checked.code, 0, checked.out);
    writeFileSync(join(directory, 'first/orders.yaml'), '# mine\n');
    const again = await messy('--out', 'first');
    assert.equal(again.code, 2);
    assert.match(again.err, /--force overwrites/);
  });

  it('gives Grants to those whom the map names', async () => {
    write(
      'accounts.map',
      `accounts:
  "app@%": [{serviceAccount: prod/payments/checkout}]
  twin: [{serviceAccount: prod/payments/refund}]
  "app@10.0.%": [{serviceAccount: prod/reports/nightly}]
  "lead@%": [{serviceAccount: prod/crm/lead}]
  "hr@%": [{serviceAccount: prod/crm/hr}]
  "batch@localhost": operator
  "idle@%": retire
  "dba@%":
`,
    );
    const { code } = await messy('--out', 'second', '--map', 'accounts.map');
    assert.equal(code, 1);
    const check = await cliRun(directory, ['check', 'base', 'second']);
    assert.equal(check.code, 0, check.out);
    const { policy } = await loadPolicy([join(directory, 'base'), join(directory, 'second')]);
    const granted = [...(policy?.grants ?? [])].map(({ rule, subjects, serviceClass }) => [
      rule.name,
      subjects.length,
      serviceClass,
    ]);
    // Equal privileges are one DataRole; limits divide the Grants of it.
    assert.deepEqual(granted.sort(), [
      ['Grant/data/app', 1, undefined],
      ['Grant/data/app-rw', 1, undefined],
      ['Grant/data/app-rw-20-connections-30000-ms', 1, '20-connections-30000-ms'],
      ['Grant/data/auditors', 1, undefined],
      ['Grant/data/hr', 1, undefined],
    ]);
    const expectation = (name: string, as: string, asked: string, expect: string) =>
      `apiVersion: postern.dev/v1alpha1
kind: Expectation
metadata: {name: ${name}, namespace: data}
spec: {as: workload/prod/${as}, to: orders, do: ${asked}, expect: ${expect}}
`;
    const expected = [
      expectation('a', 'payments/checkout', 'update shop.orders', 'Allow'),
      expectation('b', 'payments/checkout', 'delete shop.orders', 'Deny'),
      expectation('c', 'crm/lead', 'select crm.people', 'Allow'),
      expectation('d', 'reports/nightly', 'insert shop.orders', 'Deny'),
    ];
    write('expected.yaml', expected.join('---\n'));
    const held = await cliRun(directory, ['check', 'base', 'second', 'expected.yaml']);
    assert.equal(held.code, 0, held.out);
    assert.match(held.out, /4 expectations hold/);
    assert.match(
      readFileSync(join(directory, 'second/orders.yaml'), 'utf8'),
      /operators:\n {4}- "batch@localhost"/,
    );
  });

  it('refuses a map that names what is not there, and writes nothing', async () => {
    write('wrong.map', 'accounts:\n  "ap@%": [{serviceAccount: prod/payments/checkout}]\n');
    const unknown = await messy('--out', 'third', '--map', 'wrong.map');
    assert.equal(unknown.code, 2);
    assert.match(
      unknown.err,
      /wrong.map:2:3: error\[reference-unknown\][\s\S]*Did you mean "app@%"/,
    );
    write('wrong.map', 'accounts:\n  "app@%": [{serviceAccount: nowhere/payments/checkout}]\n');
    const cluster = await messy('--out', 'third', '--map', 'wrong.map');
    assert.equal(cluster.code, 2);
    assert.match(cluster.err, /There is no Cluster nowhere[\s\S]*Nothing was written/);
    assert.throws(() => readFileSync(join(directory, 'third/orders.yaml')));
  });

  it('says what an account lacks that may not read', async () => {
    await mariadb.rootQuery("CREATE USER nobody@'%' IDENTIFIED BY 'x'");
    write('password', 'x');
    const { code, err } = await messy(
      '--admin-user',
      'nobody',
      '--admin-password-file',
      'password',
    );
    await mariadb.rootQuery("DROP USER nobody@'%'");
    assert.equal(code, 3);
    assert.match(err, /may not read who holds what[\s\S]*SELECT on mysql/);
  });
});

const TARGET = (port: number) => `${CLUSTER}---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: orders, namespace: data, labels: {app: orders}}
spec:
  expose: {port: 3306}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: ${port}}]
    tls: {insecurePlaintext: true}
    broker: {user: postern_broker, password: {file: ../broker-password}}
    reader: {user: postern_reader, password: {file: ../reader-password}}
    schemas: [shop]
`;
const DECLARED = `apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: orders-writer, namespace: data}
spec:
  privileges:
    - {tables: [shop.orders, "shop.customers"], actions: [select, insert, update]}
    - {tables: ["shop_prod.*"], actions: [select, lock, temporary]}
    - {routines: [shop.refund], actions: [execute]}
---
apiVersion: postern.dev/v1alpha1
kind: DataRole
metadata: {name: names-reader, namespace: data}
spec: {privileges: [{tables: [shop.customers], actions: [select], columns: [id, name]}]}
---
apiVersion: postern.dev/v1alpha1
kind: ServiceClass
metadata: {name: small}
spec: {connections: 5, requestTimeout: 2s}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: checkout, namespace: data}
spec:
  subjects: [{serviceAccount: prod/payments/checkout}]
  targetSelector: {matchLabels: {app: orders}}
  role: orders-writer
  serviceClass: small
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: names, namespace: data}
spec:
  subjects: [{serviceAccount: prod/crm/names}, {serviceAccount: prod/crm/letters}]
  targetSelector: {matchLabels: {app: orders}}
  role: names-reader
`;

describe('import of what Postern granted', () => {
  let mariadb: TestMariadb;
  const directory = mkdtempSync(join(tmpdir(), 'postern-import-'));
  before(async () => {
    mariadb = await startMariadb();
    await mariadb.rootQuery(`CREATE DATABASE shop; CREATE DATABASE shop_prod; CREATE DATABASE shopxprod;
      CREATE TABLE shop.orders (id INT); CREATE TABLE shop.customers (id INT, name TEXT);
      CREATE PROCEDURE shop.refund() SELECT 1;`);
    for (const folder of ['whole', 'base']) mkdirSync(join(directory, folder));
    writeFileSync(join(directory, 'base/target.yaml'), TARGET(mariadb.port));
    writeFileSync(join(directory, 'whole/policy.yaml'), `${TARGET(mariadb.port)}---\n${DECLARED}`);
    await bootstrapAsRoot(join(directory, 'whole'), 'data/orders', mariadb);
    const roles = await mariadb.rootQuery('SELECT name, data_role AS of FROM postern.role');
    const roleOf = (name: string) => roles.find(({ of }) => of === `data/${name}`)?.['name'];
    // Root made none of these roles, so it may not pass them on.
    const member = (user: string, role: string) => `('%', '${user}', '${roleOf(role)}', 'N')`;
    await mariadb.rootQuery(`CREATE USER names@'%' IDENTIFIED BY 'x';
      CREATE USER checkout@'%' IDENTIFIED BY 'x' WITH MAX_USER_CONNECTIONS 5 MAX_STATEMENT_TIME 2;
      INSERT INTO mysql.roles_mapping (Host, User, Role, Admin_option) VALUES
        ${member('checkout', 'orders-writer')}, ${member('names', 'names-reader')};
      FLUSH PRIVILEGES`);
    writeFileSync(
      join(directory, 'accounts.map'),
      `accounts:
  checkout@%: [{serviceAccount: prod/payments/checkout}]
  names@%: [{serviceAccount: prod/crm/names}, {serviceAccount: prod/crm/letters}]
`,
    );
  });
  after(async () => {
    await mariadb.stop();
    rmSync(directory, { recursive: true });
  });

  for (const [who, login] of [
    ['an administrator', []],
    [
      'the reader account',
      ['--admin-user', 'postern_reader', '--admin-password-file', 'reader-password'],
    ],
  ] as const) {
    it(`through ${who} gives the same decisions back`, async () => {
      const out = login.length === 0 ? 'administrator' : 'reader';
      const ran = await cliRun(
        directory,
        [
          'import',
          'mariadb',
          '--target',
          'orders',
          '--policy',
          'base',
          '--map',
          'accounts.map',
          '--out',
          out,
          ...login,
        ],
        { POSTERN_ADMIN_PASSWORD: mariadb.rootPassword },
      );
      assert.equal(ran.code, 1, ran.err);
      const load = async (...folders: string[]) => {
        const { policy, diagnostics } = await loadPolicy(
          folders.map((one) => join(directory, one)),
        );
        assert.ok(policy, JSON.stringify(diagnostics));
        return policy;
      };
      const [before, imported] = [await load('whole'), await load('base', out)];
      const { changes, undecided } = diffPolicies(before, imported, { nowMs: NOW_MS });
      assert.deepEqual([changes, undecided], [[], []]);
      // Limits are on the accounts, which only an administrator sees.
      const limits = (policy: typeof before) =>
        [...policy.serviceClasses.values()].map((one) => one.limits);
      assert.deepEqual(limits(imported), login.length === 0 ? limits(before) : []);
      const nothing = diffPolicies(before, await load('base'), { nowMs: NOW_MS });
      assert.notEqual(nothing.changes.length, 0, 'a lost Grant would be seen');
    });
  }
});
