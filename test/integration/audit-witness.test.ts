// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok, rejects } from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { type FileAudit, openFileAudit } from '../../src/audit/file-audit.ts';
import type { Head } from '../../src/audit/heads.ts';
import { type SignerOptions, SignerSupervisor } from '../../src/audit/signer-supervisor.ts';
import { directorySource, fileChunks } from '../../src/audit/source.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { registerAudit } from '../../src/cli/commands/audit.ts';
import { systemClock } from '../../src/model/clock.ts';
import { silentLog } from '../../src/model/log.ts';
import { intentOf, outcomeOf } from '../support/audit-events.ts';
import { createAuthority } from '../support/certs.ts';
import { runCommand } from '../support/command-run.ts';
import { repositoryFile } from '../support/repository-file.ts';
import { until } from '../support/world.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-witness-'));
const EVERYTHING = { targets: {}, otherMs: 0 };
let places = 0;

function place() {
  places += 1;
  const base = join(root, String(places));
  mkdirSync(base);
  return { base, directory: join(base, 'audit'), keyPath: join(base, 'key.pem') };
}

function open(directory: string, signer: SignerOptions): Promise<FileAudit> {
  const limits = { reserveBytes: 65_536, segmentBytes: 4_000 };
  const clock = systemClock;
  return openFileAudit({ directory, instance: 'test', clock, log: silentLog, limits, signer });
}

function append(audit: FileAudit, id: string): Promise<boolean> {
  audit.append(intentOf(id));
  return new Promise((resolve) => {
    audit.append(outcomeOf(id), resolve);
  });
}

function verify(directory: string, witness: string) {
  const chunks = fileChunks(witness);
  return verifyAudit(directorySource(directory), { witness: { file: witness, chunks } });
}

function python(directory: string, witness: string) {
  const verifier = repositoryFile('docs/reference/verify_audit.py');
  return spawnSync('python3', [verifier, directory, witness], { encoding: 'utf8' });
}

after(() => rmSync(root, { recursive: true, force: true }));

describe('witness', () => {
  it('gets later what it missed, in order, and delays nobody meanwhile', async () => {
    const { base, directory, keyPath } = place();
    const witness = join(base, 'elsewhere', 'heads.jsonl');
    const audit = await open(directory, { keyPath, witness: { place: witness } });
    await until(() => audit.health().signer?.witness?.problem !== undefined, 5_000, 'a problem');
    equal(await append(audit, 'a'), true);
    await until(() => (audit.health().signer?.lastHead ?? 0) >= 2, 5_000, 'heads go on');
    mkdirSync(join(base, 'elsewhere'));
    // What an earlier failure may have left there.
    writeFileSync(witness, '{"v":1,"head":');
    equal(await append(audit, 'b'), true);
    await audit.close();
    const heads = readFileSync(join(directory, 'heads.jsonl'), 'utf8');
    equal(readFileSync(witness, 'utf8'), `{"v":1,"head":\n${heads}`);
    const result = verify(directory, witness);
    deepEqual(result.faults, []);
    equal(result.streams[0]?.openWindow, 0);

    // Another start goes on where the witness is.
    await (await open(directory, { keyPath, witness: { place: witness } })).close();
    equal(
      readFileSync(witness, 'utf8').split('\n').length - 1,
      readFileSync(join(directory, 'heads.jsonl'), 'utf8').split('\n').length,
    );
  });

  it('can be a collector behind https, which is told who calls', async () => {
    const { base, directory, keyPath } = place();
    const authority = await createAuthority();
    const server = await authority.issue({ dnsNames: ['localhost'] });
    const [tokenPath, caPath] = [join(base, 'token'), join(base, 'ca.pem')];
    writeFileSync(tokenPath, 'xyzzy-token\n');
    writeFileSync(caPath, authority.certPem);
    const seen: string[] = [];
    let answers = 0;
    const received = join(base, 'received.jsonl');
    const tls = { cert: server.chainPem, key: server.keyPem };
    const collector = createServer(tls, (request, response) => {
      let body = '';
      request.on('data', (chunk: Buffer) => {
        body += chunk.toString();
      });
      request.on('end', () => {
        answers += 1;
        seen.push(`${request.method} ${request.url} ${request.headers.authorization}`);
        if (answers > 1) appendFileSync(received, body);
        response.writeHead(answers > 1 ? 204 : 503).end();
      });
    });
    await new Promise<void>((resolve) => collector.listen(0, '127.0.0.1', resolve));
    const { port } = collector.address() as AddressInfo;
    const witness = { place: `https://localhost:${port}/heads`, tokenPath, caPath };
    const audit = await open(directory, { keyPath, witness });
    await until(() => audit.health().signer?.witness?.problem !== undefined, 5_000, 'a problem');
    match(audit.health().signer?.witness?.problem ?? '', /answered with status 503/);
    await append(audit, 'a');
    await audit.close();
    await new Promise((resolve) => collector.close(resolve));
    equal(seen[0], 'POST /heads Bearer xyzzy-token');
    equal(readFileSync(received, 'utf8'), readFileSync(join(directory, 'heads.jsonl'), 'utf8'));
    deepEqual(verify(directory, received).faults, []);
  });

  it('sees through heads that were signed again with a stolen key', async () => {
    const { base, directory, keyPath } = place();
    const witness = join(base, 'witness.jsonl');
    const audit = await open(directory, { keyPath, witness: { place: witness } });
    await append(audit, 'a');
    await audit.close();
    rmSync(directory, { recursive: true });
    const forged = await open(directory, { keyPath });
    await append(forged, 'b');
    await forged.close();
    deepEqual(verifyAudit(directorySource(directory)).faults, [], 'it is whole in itself');
    const codes = new Set(verify(directory, witness).faults.map(({ code }) => code));
    ok(codes.has('witness-differs') || codes.has('witness-ahead'), [...codes].join());
    equal(python(directory, witness).status, 1);
  });
});

describe('signer', () => {
  it('names what several processes offer at once, and forgets a stream once its end is signed', async () => {
    const { directory, keyPath } = place();
    mkdirSync(directory);
    const signer = new SignerSupervisor(directory, { keyPath }, systemClock, silentLog);
    equal(await signer.start(), undefined);
    const offer = (stream: string, seq: number) =>
      signer.offer({ stream, seq, hash: 'a'.repeat(64), segment: '000000000001.jsonl', bytes: 1 });
    const named = () => {
      const [last] = readFileSync(join(directory, 'heads.jsonl'), 'utf8').split('\n').slice(-2);
      const { streams = [] } = JSON.parse(last || '{}') as Partial<Head>;
      return streams.map(({ stream, seq }) => `${stream} ${seq}`).join();
    };
    for (let seq = 1; seq <= 20; seq += 1) for (const name of ['a', 'b', 'c']) offer(name, seq);
    signer.forget('b');
    // Nothing more is offered, and yet all of it is signed, in few heads.
    await until(() => named() === 'a 20,b 20,c 20', 5_000, 'the ends are named');
    ok(signer.health().lastHead <= 3);
    await until(() => !signer.health().behind, 5_000, 'the signer has said so');
    offer('a', 21);
    await until(() => named() === 'a 21,c 20', 5_000, 'the stream that ended is not named');
    await signer.close();
  });
});

describe('retention', () => {
  it('removes what is over, signed and witnessed, and verifies', async () => {
    const { base, directory, keyPath } = place();
    const witness = join(base, 'witness.jsonl');
    const signer = { keyPath, witness: { place: witness } };
    const before = await open(directory, signer);
    for (let number = 0; number < 20; number += 1) await append(before, `a${number}`);
    await before.close();
    const audit = await open(directory, signer);
    for (let number = 0; number < 20; number += 1) await append(audit, `b${number}`);
    // The newest head is of the same second as the last record; the witness must be past it.
    await until(() => audit.health().signer?.lastSignedAt !== undefined, 5_000, 'a head');
    const report = await audit.retire(EVERYTHING);
    deepEqual(report.problems, []);
    deepEqual(
      report.streams.map(({ stream }) => stream),
      [before.stream, audit.stream],
    );
    equal(existsSync(join(directory, before.stream)), false);
    await append(audit, 'c');
    const again = await audit.retire(EVERYTHING);
    equal(again.streams.length <= 1, true);
    await audit.close();
    const result = verify(directory, witness);
    deepEqual(result.faults, []);
    equal(result.retired.length, 2);
    equal(python(directory, witness).stdout.startsWith('every chain holds'), true);

    const kept = directorySource(directory).files(audit.stream);
    rmSync(join(directory, audit.stream, kept[0] ?? ''));
    ok(verify(directory, witness).faultCount > 0, 'deleted by somebody');
    equal(python(directory, witness).status, 1);
  });

  it('removes heads that speak of nothing kept, and their witness goes on', async () => {
    const { base, directory, keyPath } = place();
    const witness = join(base, 'witness.jsonl');
    const signer = { keyPath, witness: { place: witness }, headsFileBytes: 1 };
    const streams: string[] = [];
    for (let run = 0; run < 3; run += 1) {
      const audit = await open(directory, signer);
      streams.push(audit.stream);
      await append(audit, `a${run}`);
      await audit.close();
    }
    const heads = () => readdirSync(directory).filter((file) => file.startsWith('heads'));
    equal(heads().length, 3);
    const audit = await open(directory, signer);
    await append(audit, 'b');
    await until(() => audit.health().signer?.lastSignedAt !== undefined, 5_000, 'a head');
    // The first run removes the records, the second the heads that only spoke of them.
    equal((await audit.retire(EVERYTHING)).streams.length, 3);
    const { heads: removed } = await audit.retire(EVERYTHING);
    ok(removed.includes('heads-000000000001.jsonl'), removed.join());
    await append(audit, 'c');
    await audit.close();
    ok(!heads().includes('heads-000000000001.jsonl'));
    deepEqual(verify(directory, witness).faults, []);
    equal(python(directory, witness).stdout.startsWith('every chain holds'), true);
    equal(readFileSync(witness, 'utf8').match(/"head":1,/g)?.length, 1);

    rmSync(join(directory, heads()[0] ?? ''));
    ok(verify(directory, witness).faults.some(({ code }) => code === 'head-number'));
    equal(python(directory, witness).status, 1);
  });

  it('is a command too, but not beside a running gateway', async () => {
    const { base, directory, keyPath } = place();
    writeFileSync(
      join(base, 'postern.yaml'),
      `policy: policy.yaml
listeners: [{name: a, address: "127.0.0.1:0", protocol: mysql, accept: ProtocolTls}]
audit: {signingKey: key.pem, witness: witness.jsonl, retention: 1ms}
`,
    );
    writeFileSync(
      join(base, 'policy.yaml'),
      'apiVersion: postern.dev/v1alpha1\nkind: ServiceClass\nmetadata: {name: a}\nspec: {connections: 1}\n',
    );
    const signer = { keyPath, witness: { place: join(base, 'witness.jsonl') } };
    const audit = await open(directory, signer);
    await append(audit, 'a');
    const run = (...words: string[]) =>
      runCommand(registerAudit, base, ['audit', 'prune', ...words]);
    match((await run()).thrown ?? '', /another process is writing to it as signer/);
    await audit.close();
    // A head after the last record must have been witnessed; a later start brings one.
    await (await open(directory, signer)).close();
    const dry = await run('--dry-run');
    match(dry.out, /^Would be removed: \d segments .*\n {2}test\.0\..*: up to record 4 of/);
    equal(directorySource(directory).streams().length, 2);
    const real = await run();
    equal(real.thrown, undefined);
    match(real.out, /^Removed: \d segments/);
    deepEqual(verify(directory, join(base, 'witness.jsonl')).faults, []);
    await rejects(audit.retire(EVERYTHING));
  });
});
