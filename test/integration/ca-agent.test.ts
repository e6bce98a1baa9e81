// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, notEqual, ok, throws } from 'node:assert/strict';
import { fork, spawnSync } from 'node:child_process';
import { createPrivateKey, X509Certificate } from 'node:crypto';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { CertificateStore } from '../../src/agent/certificate-store.ts';
import { createAuthority } from '../../src/identity/authority.ts';
import { readCertificatePair } from '../../src/net/certificate-files.ts';
import { AuthorityPlace } from '../support/authority-world.ts';
import { CliProcess, type CliResult, runCliProcess } from '../support/cli-process.ts';
import { until } from '../support/world.ts';

const WRITER = fileURLToPath(import.meta.url).replace(
  /integration\/ca-agent\.test(\.\w+)$/,
  'support/certificate-writer$1',
);

describe('ca-agent', () => {
  let base: string;
  let place: AuthorityPlace;
  before(async () => {
    base = mkdtempSync(join(tmpdir(), 'postern-agent-'));
    place = await AuthorityPlace.make(base);
    mkdirSync(join(base, 'policy'));
    write('policy/policy.yaml', place.policy.replace(/^\s*---\n/, ''));
    write('postern-ca.yaml', place.settingsText('life: 10s'));
    await place.serve();
    write('token', place.token('payments/checkout'));
  });
  after(async () => {
    await place.stop();
    rmSync(base, { recursive: true, force: true });
  });

  const write = (name: string, text: string) =>
    writeFileSync(join(base, name), text, { mode: 0o600 });
  const words = (directory: string, ...more: string[]) => [
    ...['agent', '--authority', place.url, '--ca', 'ca/bundle.pem'],
    ...['--token-file', 'token', '--dir', directory, ...more],
  ];
  const agent = (directory: string, ...more: string[]): Promise<CliResult> =>
    runCliProcess(words(directory, '--once', ...more), { cwd: base });
  const leafOf = (directory: string) =>
    new CertificateStore(join(base, directory)).current()?.leaf.serialNumber;

  it('gets a certificate once, and leaves a good one alone', async () => {
    const first = await agent('once');
    equal(first.code, 0, first.err);
    match(first.out, /A new certificate is in .*once\./);
    for (const name of ['certificate.pem', 'key.pem', 'identity.pem', 'bundle.pem']) {
      equal(statSync(join(base, 'once', name)).mode & 0o777, 0o600, name);
    }
    equal(statSync(join(base, 'once')).mode & 0o777, 0o700);
    const serial = leafOf('once');
    ok(serial);
    const again = await agent('once', '--', 'false');
    equal(again.code, 0, 'the command runs only after a renewal');
    match(again.out, /is good/);
    equal(leafOf('once'), serial);
    ok(!`${first.out}${first.err}`.includes(readFileSync(join(base, 'token'), 'utf8')));
  });

  it('runs a command with the files, and passes its exit code on', async () => {
    const hook = 'openssl x509 -noout -in "$POSTERN_CERTIFICATE" && exit 7';
    const { code, err } = await agent('hook', '--', 'sh', '-c', hook);
    equal(code, 7, err);
    equal((await agent('no-hook', '--', 'no-such-program')).code, 3);
  });

  it('says what is wrong, and exits with 1, 2 or 3', async () => {
    const told = async (directory: string, ...more: string[]) => {
      const { code, out, err } = await agent(directory, ...more);
      equal(new CertificateStore(join(base, directory)).current(), undefined);
      return `${code} ${out}${err}`;
    };
    write('stranger', place.token('payments/checkout', { aud: 'other' }));
    match(
      await told('x', '--token-file', 'stranger'),
      /^1 postern: The authority refused: access denied \(decision d\S+\)\./,
    );
    write('job', place.jobToken({ environment: 'staging' }));
    match(await told('x', '--token-file', 'job'), /^1 .*declares no certificate for ci\/pipelines/);
    match(await told('x', '--token-file', 'none'), /^3 .*Cannot read .*none/);
    write('spaces', 'two words');
    match(await told('x', '--token-file', 'spaces'), /^2 .*The token is not one/);
    match(await told('x', '--life', 'long'), /^2 .*not a duration/);
    match(await told('x', '--life', '23h'), /^1 .*a life is between 5s and 10s/);
    const other = await createAuthority();
    write('other.pem', other.certPem);
    match(await told('x', '--ca', 'other.pem'), /^3 postern: Cannot reach the authority at .*/);
    match(await told('x', '--authority', 'https://127.0.0.1:1'), /^3 .*ECONNREFUSED/);
    match(await told('x', '--authority', 'http://127.0.0.1:1'), /^2 .*is not https/);
  });

  it('keeps the old files while the authority is away, says so, and recovers', async () => {
    const port = Number(place.server?.address.split(':').at(-1));
    const running = new CliProcess(words('long', '--health', '127.0.0.1:0'), { cwd: base });
    try {
      await until(() => /"health":"/.test(running.err), 10_000, 'the agent is up');
      const health = /"health":"([^"]+)"/.exec(running.err)?.[1];
      const state = async () => {
        const answer = await fetch(`http://${health}/healthz`);
        return { status: answer.status, ...((await answer.json()) as { failures: number }) };
      };
      await until(async () => (await state()).status === 200, 10_000, 'it is fresh');
      await place.server?.stop();
      const kept = leafOf('long');
      await until(async () => (await state()).failures > 0, 15_000, 'it fails');
      ok(leafOf('long'), 'the files are still there');
      await until(async () => (await state()).status === 503, 15_000, 'it is stale');
      match(running.err, /renewing failed; the files stay as they are/);
      equal((await agent('long')).code, 3);
      ok(leafOf('long'));
      write('postern-ca.yaml', place.settingsText('life: 10s', port));
      await place.serve();
      await until(async () => (await state()).status === 200, 15_000, 'it has recovered');
      notEqual(leafOf('long'), kept);
      running.child.kill('SIGTERM');
      equal((await running.result()).code, 0);
    } finally {
      running.child.kill('SIGKILL');
    }
  });

  it('never shows halves of two versions to who resolves the directory once', async () => {
    const directory = join(base, 'swapped');
    const store = new CertificateStore(directory);
    const writer = fork(WRITER, [directory, '400'], { execArgv: [] });
    const ended = once(writer, 'exit');
    await until(() => store.current() !== undefined, 10_000, 'the first version');
    const seen = new Set<string>();
    let read = 0;
    while (writer.exitCode === null) {
      const version = join(directory, readlinkSync(join(directory, '..data')));
      const at = (name: string) => join(version, name);
      const found = readCertificatePair({ certificate: at('certificate.pem'), key: at('key.pem') });
      // Two versions on, it is gone: that is no mismatch, and the names lead to a newer one.
      if (found.ok) seen.add(found.pair.leaf.serialNumber);
      else match(found.problem, /ENOENT/);
      ok(store.current(), 'our own reader has a pair');
      ok(readAgain(store), 'who reads again after a mismatch has a pair');
      const whole = readFileSync(store.path('identity.pem'), 'utf8');
      ok(new X509Certificate(whole).checkPrivateKey(createPrivateKey(whole)), 'one file, one read');
      read += 1;
      await new Promise((resolve) => setImmediate(resolve));
    }
    deepEqual(await ended, [0, null]);
    equal(seen.size, 2);
    ok(read > 20, `${read}`);
    const left = readdirSync(directory).filter((name) => /^\.\.\d/.test(name));
    equal(left.length, 2, 'the present version and the one before');
  });

  it('does not touch files of somebody else', async () => {
    mkdirSync(join(base, 'taken'));
    write('taken/key.pem', 'precious');
    const { code, err } = await agent('taken');
    equal(code, 3);
    match(err, /Cannot write .*taken: key\.pem in it is not of the agent/);
    equal(readFileSync(join(base, 'taken/key.pem'), 'utf8'), 'precious');
    deepEqual(readdirSync(join(base, 'taken')), ['key.pem']);
  });

  it('keeps what is there when the disk is full', async (context) => {
    const mount = join(base, 'full');
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=64k', 'postern-test', mount]);
    if (mounted.status !== 0) return context.skip('mounting a small tmpfs needs root');
    try {
      const store = new CertificateStore(join(mount, 'id'));
      const authority = await createAuthority();
      const make = async () => ({
        ...(await authority.issue({})),
        bundlePem: authority.certPem,
      });
      const first = await make();
      store.save(first, Date.now());
      spawnSync('dd', ['if=/dev/zero', `of=${mount}/filler`, 'bs=1k'], { stdio: 'ignore' });
      const second = await make();
      throws(() => store.save(second, Date.now()), /Cannot write .*ENOSPC/);
      equal(store.current()?.chainPem, first.chainPem);
      equal(readdirSync(store.directory).filter((name) => /^\.\.\d/.test(name)).length, 1);
      rmSync(join(mount, 'filler'));
      store.save(second, Date.now());
      equal(store.current()?.chainPem, second.chainPem);
    } finally {
      spawnSync('umount', [mount]);
    }
  });
});

/** By the names that a driver is given, as often as it takes. */
function readAgain(store: CertificateStore): boolean {
  const paths = { certificate: store.path('certificate.pem'), key: store.path('key.pem') };
  return Array.from({ length: 20 }).some(() => readCertificatePair(paths).ok);
}
