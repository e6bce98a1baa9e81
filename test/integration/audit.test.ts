// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
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
import { after, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  type FileAudit,
  type FileAuditOptions,
  openFileAudit,
} from '../../src/audit/file-audit.ts';
import { readRecords } from '../../src/audit/read.ts';
import type { AuditEvent } from '../../src/audit/record.ts';
import { directorySource, fileChunks } from '../../src/audit/source.ts';
import { lastRecords } from '../../src/audit/tail.ts';
import { verifyAudit } from '../../src/audit/verify.ts';
import { systemClock } from '../../src/model/clock.ts';
import { silentLog } from '../../src/model/log.ts';
import { intentOf, outcomeOf } from '../support/audit-events.ts';
import { repositoryFile } from '../support/repository-file.ts';

const root = mkdtempSync(join(tmpdir(), 'postern-audit-'));
const writerPath = fileURLToPath(import.meta.url).replace(
  /integration\/audit\.test(\.\w+)$/,
  'support/audit-writer$1',
);
const verifierPath = repositoryFile('docs/reference/verify_audit.py');
const unreadable = (file: string, line: number) => assert.fail(`${file}:${line} is unreadable`);
let places = 0;

function place(): { directory: string; keyPath: string; witness: string } {
  places += 1;
  const base = join(root, String(places));
  mkdirSync(base);
  return {
    directory: join(base, 'audit'),
    keyPath: join(base, 'key.pem'),
    witness: join(base, 'witness.jsonl'),
  };
}

function open(options: Partial<FileAuditOptions> & { directory: string }): Promise<FileAudit> {
  const limits = { reserveBytes: 65_536 };
  return openFileAudit({
    instance: 'test',
    clock: systemClock,
    log: silentLog,
    limits,
    ...options,
  });
}

function append(audit: FileAudit, event: AuditEvent): Promise<boolean> {
  return new Promise((resolve) => {
    audit.append(event, resolve);
  });
}

/** Waits for something that happens by itself within seconds. */
async function until(holds: () => boolean, what: string): Promise<void> {
  for (let waited = 0; !holds(); waited += 20) {
    assert.ok(waited < 10_000, `${what} did not happen`);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function verify(directory: string, witness?: string) {
  return verifyAudit(
    directorySource(directory),
    witness === undefined ? {} : { witness: { file: witness, chunks: fileChunks(witness) } },
  );
}

function idsIn(directory: string): Set<string> {
  const ids = new Set<string>();
  for (const { record } of readRecords(directorySource(directory), { unreadable })) {
    if ('id' in record) ids.add(`${record.event} ${record.id}`);
  }
  return ids;
}

describe('audit', () => {
  after(() => rmSync(root, { recursive: true, force: true }));

  it('is signed to its end when it is closed, and private', async () => {
    const { directory, keyPath, witness } = place();
    const audit = await open({ directory, signer: { keyPath, witness: { place: witness } } });
    assert.equal(await append(audit, intentOf('a')), true);
    assert.equal(await append(audit, outcomeOf('a')), true);
    await audit.close();
    const result = verify(directory, witness);
    assert.deepEqual(result.faults, []);
    assert.equal(result.records, 4);
    assert.equal(result.streams[0]?.openWindow, 0);
    assert.equal(statSync(directory).mode & 0o777, 0o700);
    const stream = join(directory, audit.stream);
    assert.equal(statSync(stream).mode & 0o777, 0o700);
    for (const file of readdirSync(stream)) {
      assert.equal(statSync(join(stream, file)).mode & 0o777, 0o600);
    }
    assert.equal(statSync(keyPath).mode & 0o777, 0o600);
    assert.equal(
      readFileSync(witness, 'utf8'),
      readFileSync(join(directory, 'heads.jsonl'), 'utf8'),
    );
  });

  it('verifies by the Python in the manual, which finds what we find', async () => {
    const { directory, keyPath } = place();
    const audit = await open({ directory, signer: { keyPath }, limits: { segmentBytes: 2_000 } });
    for (const id of ['a', 'b', 'ü', 'd']) await append(audit, intentOf(id));
    await audit.close();
    const segment = join(directory, audit.stream, '000000000001.jsonl');
    // The two shell lines of the manual.
    const shell = (pipe: string) =>
      spawnSync('sh', ['-c', `sed -n 2p ${segment} | ${pipe}`], { encoding: 'utf8' }).stdout;
    const stored = shell('tail -c 67 | head -c 64');
    assert.equal(shell('head -c -76 | sha256sum').slice(0, 64), stored);
    const python = () => spawnSync('python3', [verifierPath, directory], { encoding: 'utf8' });
    assert.equal(python().stdout, 'every chain holds, 1 heads are met\n');
    assert.equal(python().status, 0);
    const before = readFileSync(segment, 'utf8');
    writeFileSync(segment, before.replace('shop.orders', 'shop.others'));
    assert.match(python().stdout, /record 2 was changed/);
    assert.equal(python().status, 1);
    assert.equal(verify(directory).faults[0]?.code, 'record-changed');
    writeFileSync(segment, before);
    const heads = join(directory, 'heads.jsonl');
    const line = readFileSync(heads, 'utf8');
    writeFileSync(heads, line.replace('"head":1', '"head":1 '));
    assert.match(python().stdout, /no valid signature/);
    assert.equal(verify(directory).faults[0]?.code, 'head-signature');
  });

  it('loses nothing that was acknowledged when it is killed', async () => {
    const { directory, keyPath } = place();
    const writer = spawn(process.execPath, [writerPath, directory, keyPath, '1000000']);
    let acknowledged = '';
    writer.stdout.on('data', (chunk: Buffer) => {
      acknowledged += chunk.toString();
    });
    await until(() => acknowledged.length > 50_000, 'writing');
    writer.kill('SIGKILL');
    await once(writer, 'close');
    const names = acknowledged.split('\n').slice(0, -1);
    const ids = idsIn(directory);
    for (const name of names) {
      if (name.endsWith(' true')) assert.ok(ids.has(name.replace(' true', '')), name);
    }
    const result = verify(directory);
    assert.deepEqual(result.faults, []);
    // One intent of three never gets an outcome; it reads "unknown" and is no fault.
    assert.ok((result.streams[0]?.unknown.length ?? 0) > 100);
    assert.equal(result.streams[0]?.stopped, false);

    // A crash inside a write leaves a torn line; the next start leaves that stream alone.
    const stream = readdirSync(directory).find((name) => name.startsWith('writer'));
    const segment = join(directory, stream ?? '', '000000000001.jsonl');
    appendFileSync(segment, '{"v":1,"stream":"wri');
    const size = statSync(segment).size;
    const next = await open({ directory, instance: 'writer', signer: { keyPath } });
    await next.close();
    assert.equal(statSync(segment).size, size);
    const again = verify(directory);
    assert.deepEqual(again.faults, []);
    assert.equal(again.streams.length, 2);
    assert.equal(again.streams[0]?.tornBytes, 20);
    const [started] = lastRecords(directorySource(directory), 2);
    const detail = started?.record.event === 'gateway' ? started.record.detail : '';
    assert.ok(detail.endsWith(`after ${stream} which crashed`), detail);
  });

  it('starts a signer that died again, and says so meanwhile', async () => {
    const { directory, keyPath } = place();
    const errors: string[] = [];
    const log = { ...silentLog, error: (message: string) => errors.push(message) };
    const audit = await open({ directory, log, signer: { keyPath } });
    await until(() => audit.health().signer?.lastHead === 1, 'the first head');
    const { stdout } = spawnSync('pgrep', ['-P', String(process.pid), '-f', 'audit/signer']);
    process.kill(Number(stdout.toString().trim().split('\n')[0]), 'SIGKILL');
    await until(() => audit.health().signer?.running === false, 'its end');
    assert.match(audit.health().signer?.problem ?? '', /SIGKILL/);
    assert.equal(await append(audit, intentOf('a')), true);
    await until(() => audit.health().signer?.lastHead === 2, 'the head after the restart');
    assert.equal(audit.health().signer?.restarts, 1);
    assert.equal(audit.health().signer?.problem, undefined);
    assert.ok(errors.includes('audit: the signer ended'));
    await audit.close();
    assert.deepEqual(verify(directory).faults, []);
    assert.equal(verify(directory).streams[0]?.openWindow, 0);
  });

  it('does not start where it cannot write or sign', async () => {
    const { directory, keyPath } = place();
    writeFileSync(join(root, 'a-file'), '');
    const unwritable = { code: 'audit-unwritable' };
    await assert.rejects(open({ directory: join(root, 'a-file') }), unwritable);
    writeFileSync(keyPath, 'not a key', { mode: 0o600 });
    await assert.rejects(open({ directory, signer: { keyPath } }), unwritable);
    assert.deepEqual(readdirSync(directory), []);
  });

  it('goes on in new segments when files may not grow (RLIMIT_FSIZE)', () => {
    const { directory } = place();
    const arguments_ = ['--fsize=200000', process.execPath, writerPath, directory, '', '400'];
    const writer = spawnSync('prlimit', arguments_, { encoding: 'utf8' });
    assert.equal(writer.status, 0, writer.stderr);
    assert.equal(writer.stdout.includes('false'), false);
    const result = verify(directory);
    assert.deepEqual(result.faults, []);
    assert.equal(result.records, 2 + 400 * 5);
    assert.ok(readdirSync(join(directory, result.streams[0]?.stream ?? '')).length > 3);
  });

  it('does not start when not even the reserve fits', () => {
    const { directory } = place();
    const arguments_ = ['--fsize=60000', process.execPath, writerPath, directory, '', '1'];
    const writer = spawnSync('prlimit', arguments_, { encoding: 'utf8' });
    assert.notEqual(writer.status, 0);
    assert.match(writer.stderr, /cannot be written/);
  });

  it('denies on a full disk, keeps owed outcomes, and recovers by itself', async (context) => {
    const mount = join(root, 'small-disk');
    mkdirSync(mount);
    const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'postern-test', mount]);
    if (mounted.status !== 0) return context.skip('mounting a small tmpfs needs root');
    const directory = join(mount, 'audit');
    const audit = await open({ directory, signer: { keyPath: join(root, 'full-key.pem') } });
    try {
      assert.equal(await append(audit, intentOf('first')), true);
      writeFileSync(join(mount, 'ballast'), Buffer.alloc(900_000));
      let refused = 0;
      for (let number = 0; refused === 0 && number < 2_000; number += 1) {
        if (!(await append(audit, intentOf(`fill-${number}`)))) refused = number;
      }
      assert.ok(refused > 0, 'the disk was never full');
      assert.equal(audit.accepting, false);
      assert.match(audit.health().problem ?? '', /ENOSPC/);
      for (let number = 0; number < refused; number += 1) {
        assert.equal(await append(audit, outcomeOf(`fill-${number}`)), true, `outcome ${number}`);
      }
      rmSync(join(mount, 'ballast'));
      await until(() => audit.accepting, 'recovery');
      assert.equal(await append(audit, intentOf('last')), true);
      await audit.close();
      const result = verify(directory);
      assert.deepEqual(result.faults, []);
      assert.deepEqual(
        result.streams[0]?.unknown.map(({ id }) => id),
        ['first', 'last'],
      );
      const gaps = [...readRecords(directorySource(directory), { unreadable })].filter(
        ({ record }) => record.event === 'gateway' && record.what === 'audit-gap',
      );
      assert.equal(gaps.length, 1);
    } finally {
      await audit.close();
      spawnSync('umount', [mount]);
    }
  });
});
