// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, before, beforeEach, describe, it } from 'node:test';
import { systemClock } from '../../src/model/clock.ts';
import { PosternError } from '../../src/model/errors.ts';
import { type Log, silentLog } from '../../src/model/log.ts';
import { CertificateFiles } from '../../src/net/certificate-files.ts';
import { type Authority, createAuthority, type IssuedCertificate } from '../support/certs.ts';

let authority: Authority;
let directory: string;
let files: CertificateFiles;
let changes: number;

const paths = () => ({
  certificate: join(directory, 'cert-chain.pem'),
  key: join(directory, 'key.pem'),
});

/** As Istio's agent does it: each file by rename, not both together. */
function replace(path: string, text: string): void {
  writeFileSync(`${path}.new`, text);
  renameSync(`${path}.new`, path);
}

function put(issued: IssuedCertificate): void {
  replace(paths().key, issued.keyPem);
  replace(paths().certificate, issued.chainPem);
}

async function open(log: Log = silentLog): Promise<void> {
  const changed = () => {
    changes += 1;
  };
  files = await CertificateFiles.open(paths(), { clock: systemClock, log, changed });
}

async function until(condition: () => boolean): Promise<void> {
  const end = Date.now() + 5_000;
  while (!condition()) {
    assert.ok(Date.now() < end, 'it did not happen within five seconds');
    await pause(20);
  }
}

const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const issue = (name: string) => authority.issue({ commonName: name });
const subject = () => files.current.leaf.subject;

describe('identity-certificate-files', () => {
  before(async () => {
    authority = await createAuthority();
  });
  beforeEach(() => {
    directory = mkdtempSync(join(tmpdir(), 'postern-certs-'));
    changes = 0;
  });
  afterEach(() => {
    files?.close();
    rmSync(directory, { recursive: true, force: true });
  });

  it('takes a renewed pair, but only when key and chain match', async () => {
    put(await issue('first'));
    await open();
    const second = await issue('second');
    replace(paths().key, second.keyPem);
    await pause(400);
    assert.equal(subject(), 'CN=first');
    replace(paths().certificate, second.chainPem);
    await until(() => changes === 1);
    assert.equal(subject(), 'CN=second');
  });

  it('follows a swapped symbolic link, as Kubernetes mounts have it', async () => {
    const version = async (name: string) => {
      const issued = await issue(name);
      mkdirSync(join(directory, name));
      writeFileSync(join(directory, name, 'key.pem'), issued.keyPem);
      writeFileSync(join(directory, name, 'cert-chain.pem'), issued.chainPem);
      symlinkSync(name, join(directory, `..data-${name}`));
      renameSync(join(directory, `..data-${name}`), join(directory, '..data'));
    };
    await version('one');
    symlinkSync('..data/key.pem', paths().key);
    symlinkSync('..data/cert-chain.pem', paths().certificate);
    await open();
    await version('two');
    await until(() => changes === 1);
    assert.equal(subject(), 'CN=two');
  });

  it('waits at the start for a writer that is between the files', async () => {
    const [old, fresh] = [await issue('old'), await issue('fresh')];
    writeFileSync(paths().key, fresh.keyPem);
    writeFileSync(paths().certificate, old.chainPem);
    const opening = open();
    await pause(300);
    replace(paths().certificate, fresh.chainPem);
    await opening;
    assert.equal(subject(), 'CN=fresh');
  });

  it('keeps the old pair while the new one is broken', async () => {
    put(await issue('good'));
    await open();
    replace(paths().certificate, '-----BEGIN CERTIFICATE-----\nAAAA\n');
    await pause(400);
    assert.equal(subject(), 'CN=good');
    rmSync(paths().key);
    await pause(400);
    assert.equal(subject(), 'CN=good');
    put(await issue('better'));
    await until(() => changes === 1);
    assert.equal(subject(), 'CN=better');
  });

  it('refuses to begin without files', async () => {
    await assert.rejects(open(), (thrown) => {
      return thrown instanceof PosternError && thrown.code === 'file-unreadable';
    });
  });
});
