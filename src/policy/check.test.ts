// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { checkSources } from './check.ts';
import { KINDS } from './document/kind.ts';
import type { Policy, SubjectMatcher } from './policy.ts';

const API = 'apiVersion: postern.dev/v1alpha1\n';
const BASE = [
  'kind: Cluster\nmetadata: {name: prod, labels: {env: prod}}\nspec: {bundle: {file: prod.pem}, namespaces: [{name: shop, labels: {team: shop}}, {name: other}]}',
  'kind: Cluster\nmetadata: {name: dev, labels: {env: dev}}\nspec: {bundle: {file: dev.pem}}',
  'kind: Cluster\nmetadata: {name: bare}\nspec: {bundle: {file: bare.pem}}',
  'kind: IdentityProvider\nmetadata: {name: github}\nspec: {oidc: {preset: github, audiences: [postern]}}',
  'kind: Target\nmetadata: {name: orders, namespace: data, labels: {app: orders, env: prod}}\nspec: {expose: {port: 3306}, mariadb: {endpoints: [{host: db}], tls: {ca: {file: ca.pem}}, broker: {user: b, password: {env: PW}}, schemas: [shop]}}',
];

const yaml = (...documents: string[]) => documents.map((one) => `${API}${one}\n`).join('---\n');

function policyOf(...documents: string[]): Policy {
  const { policy, diagnostics } = checkSources([
    { path: 'policy/all.yaml', text: yaml(...BASE, ...documents), directory: '/etc/postern' },
  ]);
  assert.ok(policy, diagnostics.map((one) => one.message).join('\n'));
  return policy;
}

const grant = (subject: string, more = '') =>
  `kind: Grant\nmetadata: {name: g, namespace: data}\nspec: {subjects: [${subject}], targetSelector: {matchLabels: {app: orders}}, role: reader${more}}`;
const deny = (subject: string, targets = '{}') =>
  `kind: Deny\nmetadata: {name: d}\nspec: {subjects: [${subject}], targets: ${targets}}`;

function workloads(matchers: readonly SubjectMatcher[] | undefined) {
  return (matchers ?? []).map((one) => {
    assert.equal(one.kind, 'workload');
    if (one.kind !== 'workload') return {};
    const sets = (map?: ReadonlyMap<string, ReadonlySet<string>>) =>
      map && [...map].map(([name, set]) => `${name}:${[...set].join('+')}`).join(' ');
    return {
      clusters: [...one.clusters].join(' '),
      in: sets(one.namespaces),
      except: sets(one.exceptNamespaces),
      accounts: one.serviceAccounts && [...one.serviceAccounts].join(' '),
    };
  });
}
const only = (part: object) => ({
  in: undefined,
  except: undefined,
  accounts: undefined,
  ...part,
});

/** Values of the declaration's own vocabulary, so that random documents get past the first door. */
const words = fc.constantFrom(
  ...['prod', 'data', 'orders', 'shop.orders', 'shop.*', 'a/b', '*', 'reader', '1h', 'select', 'x'],
  ...['https://a.example', '10.0.0.0/8', 'time', 'claim[x]', 'Enforce', 'generic', 'In', 'user'],
);
const keys = fc.constantFrom(
  ...['metadata', 'spec', 'name', 'namespace', 'labels', 'subjects', 'workload', 'team', 'ci'],
  ...['oidc', 'preset', 'audiences', 'issuer', 'bundle', 'file', 'targetSelector', 'matchLabels'],
  ...['role', 'when', 'key', 'values', 'privileges', 'tables', 'actions', 'columns', 'as', 'to'],
  ...['expose', 'port', 'mariadb', 'endpoints', 'tls', 'broker', 'members', 'provider', 'id', 'do'],
);
const value = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 6 },
    words,
    fc.integer({ min: -1, max: 70_000 }),
    fc.constantFrom(null, true, false),
    fc.array(tie('value'), { maxLength: 3 }),
    fc.dictionary(keys, tie('value'), { maxKeys: 4 }),
  ),
})).value;
const document = fc.record({
  apiVersion: fc.constant('postern.dev/v1alpha1'),
  kind: fc.constantFrom(...KINDS),
  metadata: fc.oneof(
    fc.record({ name: words, namespace: words }),
    fc.record({ name: words }),
    value,
  ),
  spec: fc.dictionary(keys, value, { maxKeys: 5 }),
});

describe('check', () => {
  it('resolves built-in roles per target', () => {
    const policy = policyOf(grant('{serviceAccount: prod/shop/web}'));
    const role = policy.roles.get(policy.grants[0]?.roles.get('data/orders') ?? '');
    assert.equal(role?.id, 'data/orders#reader');
    assert.deepEqual(role?.privileges[0]?.objects, [{ type: 'schema', schema: 'shop' }]);
    const migrator = policy.roles.get('data/orders#migrator')?.privileges[0]?.actions;
    for (const action of ['select', 'delete', 'create', 'drop', 'lock', 'temporary'] as const) {
      assert.ok(migrator?.has(action), action);
    }
    assert.ok(!migrator?.has('execute'));
    assert.ok(policy.roles.has('postern-system/postern#operator'));
  });

  it('lets what is unknown match a Deny and never a Grant', () => {
    const negative =
      '{workload: {clusters: {notMatchLabels: {env: prod}}, serviceAccounts: [a/b]}}';
    const policy = policyOf(grant(negative), deny(negative));
    const accounts = 'a/b';
    assert.deepEqual(workloads(policy.grants[0]?.subjects), [only({ clusters: 'dev', accounts })]);
    assert.deepEqual(workloads(policy.denies[0]?.subjects), [
      only({ clusters: 'bare dev', accounts }),
    ]);
  });

  it('catches undeclared namespaces with a Deny that only excludes', () => {
    const selector =
      '{workload: {clusters: {matchLabels: {env: prod}}, namespaceSelector: {notMatchLabels: {team: shop}}}}';
    const policy = policyOf(deny(selector));
    assert.deepEqual(workloads(policy.denies[0]?.subjects), [
      only({ clusters: 'prod', except: 'prod:shop' }),
    ]);
    const positive = selector.replace('notMatchLabels', 'matchLabels');
    assert.deepEqual(workloads(policyOf(deny(positive)).denies[0]?.subjects), [
      only({ clusters: 'prod', in: 'prod:shop' }),
    ]);
  });

  it('resolves a team for the side that uses it', () => {
    const team =
      'kind: Team\nmetadata: {name: t}\nspec: {workloads: [{clusters: {notMatchLabels: {env: prod}}, serviceAccounts: [a/b]}]}';
    const policy = policyOf(team, grant('{workloadsOf: t}'), deny('{team: t}'));
    assert.equal(workloads(policy.grants[0]?.subjects)[0]?.clusters, 'dev');
    assert.equal(workloads(policy.denies[0]?.subjects)[0]?.clusters, 'bare dev');
  });

  it('reads whole namespaces and single accounts of a Deny', () => {
    const subject =
      '{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [x/*, a/b]}}';
    assert.deepEqual(workloads(policyOf(deny(subject)).denies[0]?.subjects), [
      only({ clusters: 'prod', accounts: 'a/b' }),
      only({ clusters: 'prod', in: 'prod:x' }),
    ]);
  });

  it('keeps a Grant in its namespace and lets a Deny reach every one', () => {
    const elsewhere = (BASE[4] ?? '')
      .replace('namespace: data', 'namespace: other')
      .replace('host: db', 'host: other-db');
    const policy = policyOf(elsewhere, grant('{serviceAccount: prod/shop/web}'), deny('{any: ci}'));
    assert.deepEqual([...(policy.grants[0]?.targets ?? [])], ['data/orders']);
    const denied = ['data/orders', 'other/orders', 'postern-system/postern'];
    assert.deepEqual([...(policy.denies[0]?.targets ?? [])].sort(), denied);
  });

  it('makes files absolute and times numbers', () => {
    const policy = policyOf(
      grant(
        '{serviceAccount: prod/shop/web}',
        ', lease: {ttl: 1h30m}, expires: "2030-01-01T00:00:00+01:00", when: [{key: time, days: [Sat, Sun], zone: UTC}]',
      ),
    );
    const [rule] = policy.grants;
    assert.deepEqual(policy.clusters.get('prod')?.bundle, {
      from: 'file',
      path: '/etc/postern/prod.pem',
    });
    assert.equal(rule?.lease.ttlMs, 5_400_000);
    assert.equal(rule?.session.maxDurationMs, 43_200_000);
    assert.equal(rule?.expires, Date.UTC(2029, 11, 31, 23));
    assert.deepEqual(rule?.when, [
      { key: 'time', fromMinute: 0, toMinute: 1440, zone: 'UTC', days: new Set([6, 0]) },
    ]);
  });

  it('fills the issuers of presets', () => {
    const provider = (name: string, oidc: string) =>
      `kind: IdentityProvider\nmetadata: {name: ${name}}\nspec: {oidc: {audiences: [x], ${oidc}}}`;
    const tenant = '11111111-2222-3333-4444-555555555555';
    const cases = {
      'preset: gitlab': ['https://gitlab.com'],
      'preset: gitlab, issuer: "https://git.example"': ['https://git.example'],
      [`preset: azure-devops, organizationId: ${tenant}`]: [
        `https://vstoken.dev.azure.com/${tenant}`,
      ],
      [`preset: entra, tenant: ${tenant}`]: [
        `https://sts.windows.net/${tenant}/`,
        `https://login.microsoftonline.com/${tenant}/v2.0`,
      ],
      [`preset: entra, tenant: ${tenant}, authority: "http://127.0.0.1:9/"`]: [
        `http://127.0.0.1:9/${tenant}/`,
        `http://127.0.0.1:9/${tenant}/v2.0`,
      ],
    };
    for (const [oidc, issuers] of Object.entries(cases)) {
      assert.deepEqual(policyOf(provider('p', oidc)).providers.get('p')?.issuers, issuers);
    }
  });

  it('names the same revision for the same documents', () => {
    const one = yaml(...BASE);
    const others = [...BASE].reverse().map((document, index) => ({
      path: `other/${index}.yml`,
      text: `# a comment\n${API}${document.replace('{name: prod, labels: {env: prod}}', '{labels: {"env": prod}, name: prod}')}\n`,
    }));
    const first = checkSources([{ path: 'a.yaml', text: one }]).policy?.revision;
    assert.match(first ?? '', /^[0-9a-f]{64}$/);
    assert.equal(checkSources(others).policy?.revision, first);
    const changed = one.replace('port: 3306', 'port: 3307');
    assert.notEqual(checkSources([{ path: 'a.yaml', text: changed }]).policy?.revision, first);
  });

  it('calls a Grant expired only when it is told the time', () => {
    const sources = [
      {
        path: 'a.yaml',
        text: yaml(
          ...BASE,
          grant('{serviceAccount: prod/shop/web}', ', expires: "2020-01-01T00:00:00Z"'),
        ),
      },
    ];
    assert.deepEqual(checkSources(sources).diagnostics, []);
    const codes = checkSources(sources, { nowMs: Date.UTC(2021, 0) }).diagnostics;
    assert.deepEqual(
      codes.map(({ code }) => code),
      ['grant-expired'],
    );
  });

  const neverThrows = (text: string) => {
    const { policy, diagnostics } = checkSources([{ path: 'a.yaml', text }], { nowMs: 0 });
    const lines = text.split(/\r\n|\r|\n/);
    assert.equal(
      policy === undefined,
      diagnostics.some(({ severity }) => severity === 'error'),
    );
    for (const { line, column, message } of diagnostics) {
      assert.ok(
        line >= 1 && line <= lines.length && column >= 1,
        `${message} at ${line}:${column}`,
      );
      assert.doesNotMatch(message, /\{\w+\}|unknown "|undefined/);
    }
  };

  it('places every fault of random documents', () => {
    const texts = fc
      .array(document, { minLength: 1, maxLength: 4 })
      .map((all) => all.map((one) => JSON.stringify(one)).join('\n---\n'));
    fc.assert(fc.property(texts, neverThrows), { numRuns: 200, seed: 7 });
  });

  it('places every fault of random changes to a sound declaration', () => {
    const sound = yaml(...BASE, grant('{serviceAccount: prod/shop/web}'), deny('{any: ci}'));
    const change = fc.tuple(
      fc.nat(sound.length),
      fc.nat(20),
      fc.oneof(
        words,
        fc.constantFrom('\n', ' ', '{', '}', '[', ']', ':', '"', '&a', '*a', '!!x', '-'),
      ),
    );
    const texts = fc
      .array(change, { minLength: 1, maxLength: 3 })
      .map((all) =>
        all.reduce((text, [at, cut, put]) => text.slice(0, at) + put + text.slice(at + cut), sound),
      );
    fc.assert(fc.property(texts, neverThrows), { numRuns: 150, seed: 7 });
  });

  it('places every fault of random text', () => {
    const piece = fc.constantFrom(
      ...'abk:{}[]-,"\'|>&*!%@#? \n\t0'.split(''),
      'kind',
      '---\n',
      '\u0000',
    );
    fc.assert(fc.property(fc.string({ unit: piece, maxLength: 60 }), neverThrows), {
      numRuns: 800,
      seed: 7,
    });
  });

  it('names who gets certificates of a cluster, and as which workload', () => {
    const vms = (certificates: string) =>
      `kind: Cluster\nmetadata: {name: vms}\nspec: {trustDomain: vms.example, bundle: {file: vms.pem}, certificates: ${certificates}}`;
    const job = '{ci: {provider: github, repositoryId: "2", environment: production}}';
    const policy = policyOf(vms(`{identities: [{subject: ${job}, as: deploy/shop}]}`));
    assert.deepEqual(policy.clusters.get('vms')?.certificates, {
      serviceAccounts: false,
      identities: [
        {
          subject: { kind: 'ci', provider: 'github', repositoryId: '2', environment: 'production' },
          namespace: 'deploy',
          serviceAccount: 'shop',
        },
      ],
    });
    assert.equal(policy.clusters.get('prod')?.certificates, undefined);
    const faults = (certificates: string) =>
      checkSources([{ path: 'p.yaml', text: yaml(...BASE, vms(certificates)) }])
        .diagnostics.filter(({ severity }) => severity === 'error')
        .map(({ code }) => code);
    assert.deepEqual(faults('{serviceAccounts: true}'), ['value-invalid']);
    const one = (subject: string, as = 'deploy/shop') =>
      faults(`{identities: [{subject: ${subject}, as: ${as}}]}`);
    assert.deepEqual(one('{ci: {provider: github, environment: production}}'), ['ci-unbound']);
    assert.deepEqual(one('{ci: {provider: gitlab, ownerId: "1", ref: x}}'), ['reference-unknown']);
    assert.deepEqual(one('{group: {provider: github, id: x}}'), ['key-unknown']);
    assert.deepEqual(one('{}'), ['one-of']);
    for (const as of ['shop', 'Deploy/shop', 'deploy/shop/x', 'deploy/*']) {
      assert.deepEqual(one(job, as), ['value-invalid'], as);
    }
  });
});
