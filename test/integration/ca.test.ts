// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, throws } from 'node:assert/strict';
import { X509Certificate } from 'node:crypto';
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { newKeyRequest } from '../../src/agent/key-request.ts';
import { readRecords } from '../../src/audit/read.ts';
import type { CertificateEvent } from '../../src/audit/record.ts';
import { directorySource } from '../../src/audit/source.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { openAuthority } from '../../src/identity/authority.ts';
import { verifyClientCertificate } from '../../src/identity/client-certificate.ts';
import { parseCertificates, TrustBundles } from '../../src/identity/trust-bundles.ts';
import { silentLog } from '../../src/model/log.ts';
import { AuthorityPlace, openssl, TRUST_DOMAIN } from '../support/authority-world.ts';
import { CliProcess, runCliProcess } from '../support/cli-process.ts';
import { cluster, policy } from '../support/policy.ts';
import { until } from '../support/world.ts';

const DAY_S = 86_400;

describe('ca', () => {
  let base: string;
  let place: AuthorityPlace;
  before(async () => {
    base = mkdtempSync(join(tmpdir(), 'postern-ca-'));
    place = await AuthorityPlace.make(base);
    mkdirSync(join(base, 'policy'));
    writeFileSync(join(base, 'policy/policy.yaml'), place.policy.replace(/^\s*---\n/, ''));
    writeFileSync(join(base, 'postern-ca.yaml'), place.settingsText('perMinute: 20'));
    await place.serve();
  });
  after(async () => {
    await place.stop();
    rmSync(base, { recursive: true, force: true });
  });

  const write = (name: string, text: string) => writeFileSync(join(base, name), text);
  const request = () => newKeyRequest().requestPem;
  /** Leaf to `leaf.pem`, the rest to `above.pem`, then OpenSSL's verdict. */
  const verify = (chain: string) => {
    const [leaf = '', ...above] = chain.split(/(?<=-----END CERTIFICATE-----\n)/);
    write('leaf.pem', leaf);
    write('above.pem', above.join(''));
    const roots = ['-no-CApath', '-no-CAstore', '-CAfile', 'ca/bundle.pem'];
    const how = ['-x509_strict', '-purpose', 'sslclient', ...roots, '-untrusted', 'above.pem'];
    return openssl(base, 'verify', ...how, 'leaf.pem');
  };
  const ours = (chain: string) => {
    const bundles = TrustBundles.read(
      policy({ clusters: [cluster('vms', { trustDomain: TRUST_DOMAIN })] }),
      {
        readMaterial: () => place.directory.readCertificate(place.directory.root(1)),
        log: silentLog,
      },
    );
    const how = { method: 'mesh-mtls', nowMs: Date.now() } as const;
    return verifyClientCertificate(parseCertificates(chain), bundles, how);
  };
  const records = (): CertificateEvent[] =>
    [...readRecords(directorySource(join(base, 'ca-audit')), { unreadable: () => ok(false) })]
      .map(({ record }) => record)
      .filter((record) => record.event === 'certificate') as unknown as CertificateEvent[];

  it('certifies a service account by its token, for four hours, and for clients only', async () => {
    const { status, body } = await place.ask(place.token('payments/checkout'), request());
    equal(status, 200, body.error);
    const leaf = new X509Certificate(body.certificate);
    equal(leaf.subjectAltName, `URI:spiffe://${TRUST_DOMAIN}/ns/payments/sa/checkout`);
    deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2']);
    const lifeMs = Date.parse(body.notAfter) - Date.now();
    ok(lifeMs > 3.9 * 3_600_000 && lifeMs <= 4 * 3_600_000, `${lifeMs}`);
    match(verify(body.certificate), /leaf\.pem: OK/);
    const identity = ours(body.certificate);
    ok(identity.ok && identity.principal.id === 'workload/vms/payments/checkout');
    const [record] = records().filter(({ serial }) => serial === body.serial);
    equal(record?.principal, 'workload/vms/payments/checkout');
    equal(record?.spiffeId, body.spiffeId);
    equal(record?.notAfter, body.notAfter);
    equal(record?.verifiedBy, 'vms');
  });

  it('takes the name from the proof, whatever the request says', async () => {
    const names = 'subjectAltName=URI:spiffe://vms.example/ns/root/sa/admin,DNS:db.example';
    const make = ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'k.pem', '-out', 'r.pem'];
    const more = ['-addext', names, '-addext', 'basicConstraints=critical,CA:TRUE'];
    openssl(base, 'req', '-new', ...make, '-subj', '/CN=admin', ...more);
    const pem = openssl(base, 'req', '-in', 'r.pem');
    const { status, body } = await place.ask(place.token('payments/checkout'), pem);
    equal(status, 200, body.error);
    const leaf = new X509Certificate(body.certificate);
    equal(leaf.subjectAltName, `URI:spiffe://${TRUST_DOMAIN}/ns/payments/sa/checkout`);
    ok(!leaf.subject && !leaf.ca);
    match(verify(body.certificate), /OK/);
  });

  it('gives serverAuth to those in the settings only, and a shorter life to who asks', async () => {
    const token = place.token('postern-system/postern');
    const { body } = await place.ask(token, request(), '?life=10m');
    const leaf = new X509Certificate(body.certificate);
    deepEqual(leaf.keyUsage, ['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
    ok(Date.parse(body.notAfter) - Date.now() <= 600_000);
    for (const life of ['5h', '1s', 'forever', '-1h', '']) {
      const { status, body: refused } = await place.ask(token, request(), `?life=${life}`);
      equal(`${status} ${refused.reason}`, '400 request-malformed', life);
    }
  });

  it('gives others the name that is declared for them, or none', async () => {
    const job = await place.ask(place.jobToken(), request());
    equal(job.body.spiffeId, `spiffe://${TRUST_DOMAIN}/ns/deploy/sa/shop`);
    const told = async (more: Record<string, unknown>) => {
      const { status, body } = await place.ask(place.jobToken(more), request());
      return `${status} ${body.reason}`;
    };
    equal(await told({ environment: undefined }), '403 not-declared');
    equal(await told({ repository_id: '9' }), '403 not-declared');
    equal(await told({ repository_id: '3', environment: undefined }), '403 ambiguous');
    const one = { repository_id: '3', environment: undefined, ref: 'refs/heads/x' };
    const second = await place.ask(place.jobToken(one), request());
    equal(second.body.spiffeId, `spiffe://${TRUST_DOMAIN}/ns/deploy/sa/b`);
  });

  it('hears nobody without a good token, and tells them nothing', async () => {
    const past = Math.floor(Date.now() / 1_000) - DAY_S;
    const tokens = {
      anonymous: undefined,
      'token-malformed': 'garbage',
      'token-audience': place.token('payments/checkout', { aud: 'other' }),
      'token-expired': place.token('payments/checkout', { iat: past, exp: past + 60 }),
      'token-issuer-unknown': place.token('payments/checkout', { iss: 'https://evil.example' }),
      'token-signature': place.ci.key.sign(
        {
          iss: place.cluster.issuer,
          aud: 'postern',
          sub: 'system:serviceaccount:a:b',
          iat: past,
          exp: past + 2 * DAY_S,
        },
        { kid: place.cluster.key.kid },
      ),
    };
    for (const [reason, token] of Object.entries(tokens)) {
      const { status, body } = await place.ask(token, request());
      equal(status, 401, reason);
      match(body.error ?? '', /^access denied$/);
      const found = () =>
        [
          ...readRecords(directorySource(join(base, 'ca-audit')), { unreadable: () => ok(false) }),
        ].find(({ record }) => 'id' in record && record.id === body.decision)?.record;
      await until(() => found() !== undefined, 5_000, 'it is recorded');
      const record = found();
      equal(record?.event === 'login-denied' && record.reason, reason);
    }
  });

  it('refuses what is no request, weak keys and foreign signatures, and says so', async () => {
    const token = place.token('payments/forms');
    const told = async (body: string) => {
      const answer = await place.ask(token, body);
      return `${answer.status} ${answer.body.reason}`;
    };
    equal(await told(''), '400 request-malformed');
    equal(await told('hello'), '400 request-malformed');
    equal(await told(request() + request()), '400 request-malformed');
    const label = 'CERTIFICATE REQUEST';
    const pem = (bytes: Buffer) =>
      `-----BEGIN ${label}-----\n${bytes.toString('base64')}\n-----END ${label}-----\n`;
    equal(await told(pem(Buffer.alloc(9_000, 0x30))), '400 request-malformed');
    const good = Buffer.from(request().replace(/-----[^-]+-----|\s/g, ''), 'base64');
    equal(await told(pem(Buffer.concat([good, Buffer.alloc(1)]))), '400 request-malformed');
    good[good.length - 1] = (good.at(-1) ?? 0) ^ 1;
    match(await told(pem(good)), /^400 request-(signature|malformed)$/);
    for (const key of ['rsa:1024', 'ec -pkeyopt ec_paramgen_curve:secp256k1']) {
      const make = ['-newkey', ...key.split(' '), '-nodes', '-keyout', 'k.pem', '-subj', '/CN=x'];
      equal(await told(openssl(base, 'req', '-new', ...make)), '400 request-key', key);
    }
    const old = ['-newkey', 'rsa:2048', '-nodes', '-keyout', 'k.pem', '-subj', '/CN=x', '-sha1'];
    equal(await told(openssl(base, 'req', '-new', ...old)), '400 request-signature');
    equal((await place.ask(token, 'x'.repeat(20_000))).status, 413);
    equal((await place.ask(token, 'x'.repeat(20_000), '', { chunked: true })).status, 413);
    const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-384'];
    const fit = [...curve, '-nodes', '-keyout', 'k.pem', '-subj', '/CN=x'];
    equal((await place.ask(token, openssl(base, 'req', '-new', ...fit))).status, 200);
    openssl(base, 'genpkey', '-algorithm', 'ed25519', '-out', 'ed.pem');
    const ed = openssl(base, 'req', '-new', '-key', 'ed.pem', '-subj', '/CN=x');
    const { body } = await place.ask(token, ed);
    match(verify(body.certificate), /OK/);
  });

  it('is limited by its own name constraint, for OpenSSL and for us', async () => {
    const paths = place.directory.intermediate(1);
    const certPem = place.directory.readCertificate(paths);
    const stolen = await openAuthority({
      certPem,
      keyPem: place.directory.readKey(paths),
      intermediatesPem: certPem,
    });
    const with_ = async (request: Parameters<typeof stolen.issue>[0]) =>
      (await stolen.issue({ usages: ['client'], ...request })).chainPem;
    const spiffeId = `spiffe://${TRUST_DOMAIN}/ns/a/sa/b`;
    const good = await with_({ spiffeId });
    match(verify(good), /OK/);
    ok(ours(good).ok);
    const forged = [
      await with_({ spiffeId: 'spiffe://prod.local/ns/a/sa/b' }),
      await with_({ spiffeId, uris: ['https://bank.example/'] }),
      await with_({ spiffeId, dnsNames: ['bank.example'] }),
      await with_({ spiffeId, ipAddresses: ['192.0.2.1'] }),
      (await (await stolen.intermediate()).issue({ spiffeId, usages: ['client'] })).chainPem,
    ];
    for (const chain of forged) {
      throws(() => verify(chain), /subtree violation|path length|excluded/);
      equal(ours(chain).ok, false);
    }
  });

  it('goes on after its signer was killed', async () => {
    const token = place.token('payments/signer');
    const pid = place.server?.signerPid ?? 0;
    process.kill(pid, 'SIGKILL');
    const hit = await Promise.all(Array.from({ length: 5 }, () => place.ask(token, request())));
    for (const { status } of hit) ok(status === 503 || status === 200, `${status}`);
    await until(
      async () => (await place.ask(place.token('payments/again'), request())).status === 200,
      10_000,
      'it signs again',
    );
    ok(place.server?.signerPid !== pid);
  });

  it('limits each principal by itself', async () => {
    const token = place.token('payments/eager');
    const answers = await Promise.all(
      Array.from({ length: 25 }, () => place.ask(token, request())),
    );
    const limited = answers.filter(({ status }) => status === 429);
    equal(limited.length, 5);
    equal(limited[0]?.body.reason, 'limit-rate');
    equal((await place.ask(place.token('payments/calm'), request())).status, 200);
  });

  it('follows the declaration, keeps the old one while it is faulty', async () => {
    const file = join(base, 'policy/policy.yaml');
    const text = place.policy.replace(/^\s*---\n/, '');
    const status = async () => (await place.ask(place.token(`x/${seen++}`), request())).status;
    let seen = 1;
    writeFileSync(file, 'nonsense');
    await place.server?.reload();
    equal(await status(), 200);
    writeFileSync(file, text.replace('serviceAccounts: true', 'serviceAccounts: false'));
    await place.server?.reload();
    equal(await status(), 403);
    writeFileSync(file, text.replace('trustDomain: vms.example', 'trustDomain: other.example'));
    await place.server?.reload();
    equal(await status(), 403);
    writeFileSync(file, text);
    await place.server?.reload();
    equal(await status(), 200);
  });

  it('is a process that ends with its signer, however it ends', async () => {
    const settings = place.settingsText('audit: {directory: other, signingKey: other.pem}');
    write('other.yaml', settings);
    const serve = () => new CliProcess(['ca', 'serve', '--config', 'other.yaml'], { cwd: base });
    const running = serve();
    await until(() => /the authority is up/.test(running.err), 15_000, running.err);
    const { pid } = running.child;
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim().split(' ');
    ok(children.length >= 2, 'its signer, and that of its audit');
    running.child.kill('SIGKILL');
    await until(() => children.every((child) => !existsSync(`/proc/${child}`)), 10_000, 'all gone');
    const again = serve();
    await until(() => /the authority is up/.test(again.err), 15_000, again.err);
    again.child.kill('SIGTERM');
    equal((await again.result()).code, 0);
  });

  it('says what keeps it from serving', async () => {
    const told = async (settings: string) => {
      write('faulty.yaml', settings);
      const words = ['ca', 'serve', '--config', 'faulty.yaml'];
      const { code, err } = await runCliProcess(words, { cwd: base });
      return `${code} ${err}`;
    };
    const good = place.settingsText('audit: {directory: other, signingKey: other.pem}\n');
    match(await told(`${good}life: 25h\nport: 1\n`), /^2 .*2 fault.*life: must be.*port/s);
    match(await told(good.replace('cluster: vms', 'cluster: none')), /^2 .*no Cluster none/s);
    match(await told(`${good}directory: nowhere\n`), /^3 .*nowhere cannot be used: there is none/s);
    const key = place.directory.intermediate(1).key;
    chmodSync(key, 0o644);
    match(await told(good), /^3 .*mode 644, others must have no access/s);
    chmodSync(key, 0o600);
  });

  it('has all of it in an audit that verifies', async () => {
    await place.server?.stop();
    const result = await verifyAudit(directorySource(join(base, 'ca-audit')), {});
    deepEqual(result.faults, []);
    const serials = records().flatMap(({ serial }) => (serial === undefined ? [] : [serial]));
    ok(serials.length > 20);
    equal(new Set(serials).size, serials.length);
    ok(
      records().every(({ decision, serial }) => (decision === 'allow') === (serial !== undefined)),
    );
  });
});
