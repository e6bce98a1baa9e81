// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import {
  appendFileSync,
  chmodSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { FaultList } from './fault.ts';
import { HeadWriter } from './head-writer.ts';
import { HEADS_FILE, keyId } from './heads.ts';
import { openSigningKey, publishKey, readPublicKeys } from './signing-key.ts';
import { directorySource } from './source.ts';
import { checkHeads } from './verify-heads.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-heads-'));
const path = join(directory, HEADS_FILE);
const key = openSigningKey(join(directory, 'key.pem'));
const TIME = '2027-01-01T00:00:00.000Z';
const at = { stream: 's', seq: 1, hash: 'a'.repeat(64), segment: '000000000001.jsonl', bytes: 9 };

function verify(trusted = new Map([[key.id, key.privateKey]])) {
  const faults = new FaultList();
  publishKey(join(directory, 'pub.pem'), key);
  const keys =
    trusted.size > 0 ? readPublicKeys(readFileSync(join(directory, 'pub.pem'), 'utf8')) : trusted;
  const heads = checkHeads(directorySource(directory), keys, undefined, faults);
  return { heads, codes: faults.faults.map(({ code }) => code) };
}

describe('head-writer', () => {
  after(() => rmSync(directory, { recursive: true, force: true }));

  describe('HeadWriter', () => {
    it('signs heads that link, across runs', () => {
      const first = new HeadWriter(directory, key);
      first.append(TIME, [at]);
      first.append(TIME, [{ ...at, seq: 2 }]);
      first.close();
      const second = new HeadWriter(directory, key);
      assert.equal(second.position.head, 2);
      second.append(TIME, [{ ...at, seq: 3 }]);
      second.close();
      const { heads, codes } = verify();
      assert.deepEqual(codes, []);
      assert.equal(heads.count, 3);
      assert.equal(heads.streams.get('s')?.lastSigned.seq, 3);
      assert.equal(statSync(path).mode & 0o777, 0o600);
    });

    it('cuts off a line that a crash left unfinished', () => {
      appendFileSync(path, '{"v":1,"head":4,"ti');
      const writer = new HeadWriter(directory, key);
      writer.append(TIME, [{ ...at, seq: 4 }]);
      writer.close();
      assert.deepEqual(verify().codes, []);
    });

    it('does not sign after somebody else wrote to the file', () => {
      const writer = new HeadWriter(directory, key);
      const before = readFileSync(path);
      appendFileSync(path, '{}\n');
      assert.throws(() => writer.append(TIME, [at]), /another process/);
      writer.close();
      assert.throws(() => new HeadWriter(directory, key), /not a head/);
      writeFileSync(path, before);
    });

    it('begins another file when one is full, and goes on after a crash in between', () => {
      const place = mkdtempSync(join(tmpdir(), 'postern-heads-full-'));
      try {
        const writer = new HeadWriter(place, key, 1);
        for (let seq = 1; seq <= 3; seq += 1) writer.append(TIME, [{ ...at, seq }]);
        writer.close();
        const files = ['heads-000000000001.jsonl', 'heads-000000000002.jsonl', HEADS_FILE];
        assert.deepEqual(readdirSync(place).sort(), files);
        renameSync(join(place, HEADS_FILE), join(place, 'heads-000000000003.jsonl'));
        const again = new HeadWriter(place, key, 1);
        assert.equal(again.position.head, 3);
        again.append(TIME, [{ ...at, seq: 4 }]);
        again.close();
        const faults = new FaultList();
        const keys = new Map([[key.id, createPublicKey(key.privateKey)]]);
        const heads = checkHeads(directorySource(place), keys, undefined, faults);
        assert.deepEqual(faults.faults, []);
        assert.equal(heads.count, 4);
        rmSync(join(place, 'heads-000000000002.jsonl'));
        const broken = new FaultList();
        checkHeads(directorySource(place), keys, undefined, broken);
        assert.equal(broken.faults[0]?.code, 'head-number');
        assert.equal(broken.faults[0]?.file, 'heads-000000000003.jsonl');
      } finally {
        rmSync(place, { recursive: true });
      }
    });

    it('is caught with another key', () => {
      const { privateKey, publicKey } = generateKeyPairSync('ed25519');
      const before = readFileSync(path);
      const other = { id: keyId(publicKey), privateKey };
      const forger = new HeadWriter(directory, other);
      forger.append(TIME, [at]);
      forger.close();
      assert.deepEqual(verify().codes, ['head-key']);
      const liar = new HeadWriter(directory, { ...other, id: key.id });
      liar.append(TIME, [at]);
      liar.close();
      assert.deepEqual(verify().codes, ['head-key', 'head-signature']);
      writeFileSync(path, before);
    });
  });

  describe('signing key', () => {
    const keyPath = join(directory, 'key.pem');

    it('is made once, for its owner only', () => {
      assert.equal(statSync(keyPath).mode & 0o777, 0o600);
      assert.equal(openSigningKey(keyPath).id, key.id);
    });

    it('is refused when others can read it or it is no Ed25519 key', () => {
      chmodSync(keyPath, 0o644);
      assert.throws(() => openSigningKey(keyPath), /mode 644/);
      chmodSync(keyPath, 0o440);
      assert.equal(openSigningKey(keyPath).id, key.id);
      const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
      const pem = privateKey.export({ type: 'pkcs8', format: 'pem' });
      const wrong = join(directory, 'ec.pem');
      writeFileSync(wrong, pem, { mode: 0o600 });
      assert.throws(() => openSigningKey(wrong), /no Ed25519/);
    });

    it('keeps the public keys of earlier signing keys', () => {
      const file = join(directory, 'keys.pem');
      const other = openSigningKey(join(directory, 'key2.pem'));
      for (const published of [key, other, key]) publishKey(file, published);
      assert.deepEqual([...readPublicKeys(readFileSync(file, 'utf8')).keys()], [key.id, other.id]);
    });
  });
});
