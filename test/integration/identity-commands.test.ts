// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { Command } from 'commander';
import { signInWithBrowser } from '../../scripts/demo/browser.ts';
import {
  DEMO_CLIENT,
  type IdentityProvider,
  startIdentityProvider,
} from '../../scripts/demo/identity-provider.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../../src/cli/command.ts';
import { registerLogin } from '../../src/cli/commands/login.ts';
import { registerWhoami } from '../../src/cli/commands/whoami.ts';
import { PosternError } from '../../src/model/errors.ts';
import { type Authority, createAuthority } from '../support/certs.ts';
import { runCliProcess } from '../support/cli-process.ts';
import { startIdp, type TestIdp } from '../support/idp.ts';

let directory: string;
let people: IdentityProvider;
let robots: TestIdp;
let authority: Authority;

function declaration(): string {
  return `
apiVersion: postern.dev/v1alpha1
kind: IdentityProvider
metadata: {name: people}
spec:
  oidc:
    preset: generic
    issuer: ${people.issuer}
    audiences: [postern]
    claims: {subject: sub, groups: groups}
    login: {clientId: ${DEMO_CLIENT}, scopes: [openid, data]}
---
apiVersion: postern.dev/v1alpha1
kind: IdentityProvider
metadata: {name: robots}
spec: {oidc: {preset: generic, issuer: ${robots.issuer}, audiences: [postern], makes: agent}}
---
apiVersion: postern.dev/v1alpha1
kind: Cluster
metadata: {name: prod, labels: {env: prod}}
spec: {trustDomain: prod.local, bundle: {file: mesh-ca.pem}}
---
apiVersion: postern.dev/v1alpha1
kind: Team
metadata: {name: analysis}
spec: {members: [{group: {provider: people, id: analysts}}]}
---
apiVersion: postern.dev/v1alpha1
kind: Target
metadata: {name: orders, namespace: data, labels: {app: orders}}
spec:
  expose: {port: 3306}
  mariadb:
    endpoints: [{host: 127.0.0.1, port: 3307, role: Primary}]
    schemas: [shop]
    tls: {ca: {file: mesh-ca.pem}}
    broker: {user: broker, password: {file: broker-password}}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: analysts-read, namespace: data}
spec: {subjects: [{group: {provider: people, id: analysts}}], targetSelector: {matchLabels: {app: orders}}, role: reader}
---
apiVersion: postern.dev/v1alpha1
kind: Grant
metadata: {name: checkout, namespace: data}
spec:
  subjects: [{workload: {clusters: {matchLabels: {env: prod}}, serviceAccounts: [payments/checkout]}}]
  targetSelector: {matchLabels: {app: orders}}
  role: writer
`;
}

interface Ran {
  readonly code: ExitCode | string;
  readonly out: string;
  readonly err: string;
}

async function run(
  register: RegisterCommand,
  words: readonly string[],
  options: { env?: Record<string, string>; onOut?: (text: string) => void } = {},
): Promise<Ran> {
  const out: string[] = [];
  const err: string[] = [];
  const context: CommandContext = {
    cwd: directory,
    env: { XDG_STATE_HOME: join(directory, 'state'), ...options.env },
    interactive: false,
    out: (text) => {
      out.push(text);
      options.onOut?.(text);
    },
    err: (text) => err.push(text),
  };
  let code: ExitCode | string = 0;
  const program = new Command().exitOverride();
  register(program, context, async (action) => {
    try {
      code = await action();
    } catch (thrown) {
      code = thrown instanceof PosternError ? `${thrown.code}: ${thrown.message}` : String(thrown);
    }
  });
  await program.parseAsync(words, { from: 'user' });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const whoami = (words: readonly string[], env: Record<string, string> = {}) =>
  run(registerWhoami, ['whoami', ...words], { env });

const whoamiProcess = () =>
  runCliProcess(['whoami'], {
    cwd: directory,
    env: { XDG_STATE_HOME: join(directory, 'state') },
  });

/** Plays the person at the browser as soon as the address is shown. */
function login(words: readonly string[], person: string): Promise<Ran> {
  return run(registerLogin, ['login', ...words], {
    onOut(text) {
      const address = /^Open +(\S+)/.exec(text)?.[1];
      if (address !== undefined) void signInWithBrowser(address, person);
    },
  });
}

describe('identity-commands', () => {
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'postern-identity-'));
    people = await startIdentityProvider({ ada: ['analysts'] });
    robots = await startIdp();
    authority = await createAuthority();
    mkdirSync(join(directory, 'policy'));
    writeFileSync(join(directory, 'policy/mesh-ca.pem'), authority.certPem);
    writeFileSync(join(directory, 'policy/broker-password'), 'unused');
    writeFileSync(join(directory, 'policy/all.yaml'), declaration());
  });

  after(async () => {
    await people.close();
    await robots.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('whoami without anything says where to begin', async () => {
    const { code } = await whoami([]);
    assert.match(String(code), /^usage: .*postern login/);
  });

  it('login gets a token in the browser and keeps it for its owner alone', async () => {
    const { code, out, err } = await login([], 'ada');
    assert.equal(code, 0, err || String(code));
    assert.match(out, /You are user\/people\/ada until/);
    const kept = join(directory, 'state/postern/login');
    assert.deepEqual(readdirSync(kept), ['people.json']);
    assert.equal(statSync(join(kept, 'people.json')).mode & 0o777, 0o600);
    assert.equal(statSync(kept).mode & 0o777, 0o700);
    assert.ok(!out.includes('eyJ'), 'the token is not printed');
  });

  it('whoami then says who that is and what it gives', async () => {
    const { code, out } = await whoami([]);
    assert.equal(code, 0);
    assert.match(out, /^user\/people\/ada\n/);
    assert.match(out, /verified by +people \(token\)/);
    assert.match(out, /groups +analysts\n/);
    assert.match(out, /teams +analysis\n/);
    assert.match(
      out,
      /data\/orders +allow +reader +Grant\/data\/analysts-read \(policy\/all\.yaml:\d+\)/,
    );
    assert.match(out, /Next: postern connect orders/);
  });

  it('renews what is kept, once for all who ask at the same time', async () => {
    const file = join(directory, 'state/postern/login/people.json');
    const kept = () => JSON.parse(readFileSync(file, 'utf8'));
    const first = kept();
    assert.ok(first.renewal.refreshToken.length > 20);
    assert.equal(first.renewal.use, 'access');
    const end = () => writeFileSync(file, JSON.stringify({ ...kept(), expiresAt: Date.now() - 1 }));
    end();
    const answers = await Promise.all(Array.from({ length: 5 }, () => whoami([])));
    for (const { code, out } of answers) {
      assert.equal(code, 0, String(code));
      assert.match(out, /^user\/people\/ada\n/);
    }
    const second = kept();
    assert.notEqual(second.token, first.token);
    assert.ok(second.expiresAt > Date.now());
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.deepEqual(readdirSync(join(directory, 'state/postern/login')), ['people.json']);
    end();
    const processes = await Promise.all([1, 2, 3].map(() => whoamiProcess()));
    for (const { code, err } of processes) assert.equal(code, 0, err);
    assert.notEqual(kept().token, second.token);
  });

  it('says so when it cannot be renewed, and uses what is still good', async () => {
    const file = join(directory, 'state/postern/login/people.json');
    const text = readFileSync(file, 'utf8');
    const broken = (over: object) => {
      const kept = JSON.parse(text);
      const renewal = { ...kept.renewal, refreshToken: 'withdrawn' };
      writeFileSync(file, JSON.stringify({ ...kept, renewal, ...over }));
    };
    broken({ expiresAt: Date.now() + 30_000 });
    assert.equal((await whoami([])).code, 0);
    broken({ expiresAt: Date.now() - 1 });
    const { code } = await whoami([]);
    assert.match(
      String(code),
      /^usage: The token of people has ended and was not renewed: .*login/,
    );
    assert.ok(!String(code).includes('withdrawn'));
    broken({ expiresAt: Date.now() - 1, renewal: undefined });
    assert.match(String((await whoami([])).code), /^usage: The token of people has ended; run/);
    writeFileSync(file, text);
    const { out } = await login(['people', '--no-refresh'], 'ada');
    assert.ok(!out.includes('by itself'));
    assert.equal(JSON.parse(readFileSync(file, 'utf8')).renewal, undefined);
  });

  it('refuses a stored token that others can read', async () => {
    const file = join(directory, 'state/postern/login/people.json');
    chmodSync(file, 0o644);
    assert.match(String((await whoami([])).code), /others can read it/);
    chmodSync(file, 0o600);
  });

  it('login refuses unknown providers and those nobody can log in with', async () => {
    assert.match(
      String((await login(['nobody'], 'ada')).code),
      /no IdentityProvider nobody; there are: people, robots/,
    );
    assert.match(String((await login(['robots'], 'ada')).code), /clientId/);
    const wrong = await login(['people', '--client-id', 'stranger'], 'ada');
    assert.match(String(wrong.code), /^provider-unreachable: /);
  });

  it('whoami explains a token from a file or the environment', async () => {
    const token = robots.token({ aud: 'postern', sub: 'nightly' });
    writeFileSync(join(directory, 'token'), `${token}\n`);
    const good = await whoami(['--token-file', 'token', '--json']);
    const report = JSON.parse(good.out);
    assert.equal(report.principal.id, 'agent/robots/nightly');
    assert.deepEqual(report.targets, []);
    const foreign = robots.token({ aud: 'https://other.example', sub: 'nightly' });
    const bad = await whoami(['--token-env', 'T'], { T: foreign });
    assert.equal(bad.code, 1);
    assert.equal(
      bad.err,
      'Not verified: audience is "https://other.example", IdentityProvider robots accepts "postern" [token-audience]',
    );
    assert.match(String((await whoami(['--token-env', 'T'])).code), /T is not set/);
  });

  it('whoami reads a certificate, and its key when given', async () => {
    const spiffeId = 'spiffe://prod.local/ns/payments/sa/checkout';
    const issued = await authority.issue({ spiffeId });
    const other = await authority.issue({ spiffeId });
    writeFileSync(join(directory, 'cert.pem'), issued.chainPem);
    writeFileSync(join(directory, 'key.pem'), issued.keyPem);
    writeFileSync(join(directory, 'other-key.pem'), other.keyPem);
    const { code, out } = await whoami(['--cert', 'cert.pem']);
    assert.equal(code, 0);
    assert.match(out, /^workload\/prod\/payments\/checkout\n/);
    assert.match(out, /orders +allow +writer/);
    assert.match(out, /was not checked/);
    assert.ok(
      !(await whoami(['--cert', 'cert.pem', '--key', 'key.pem'])).out.includes('not checked'),
    );
    const mixed = await whoami(['--cert', 'cert.pem', '--key', 'other-key.pem']);
    assert.match(String(mixed.code), /not the key/);
    const stranger = await (await createAuthority()).issue({ spiffeId });
    writeFileSync(join(directory, 'cert.pem'), stranger.chainPem);
    const refused = await whoami(['--cert', 'cert.pem']);
    assert.match(
      refused.err,
      /chains to no root in the bundle of Cluster prod \[certificate-untrusted\]/,
    );
  });
});
