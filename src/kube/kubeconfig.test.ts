// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, describe, it } from 'node:test';
import { inspect } from 'node:util';
import { stringify } from 'yaml';
import { podConnection } from './connection.ts';
import { chooseConnection, fromKubeconfig } from './kubeconfig.ts';

const directory = mkdtempSync(join(tmpdir(), 'postern-kubeconfig-'));
after(() => rmSync(directory, { recursive: true }));

let files = 0;
function write(text: string): string {
  files += 1;
  const file = join(directory, `config-${files}`);
  writeFileSync(file, text);
  return file;
}

function config(user: object = { token: 'hidden' }, cluster: object = {}): string {
  return write(
    stringify({
      'current-context': 'weu',
      contexts: [{ name: 'weu', context: { cluster: 'weu', user: 'me', namespace: 'shop' } }],
      clusters: [{ name: 'weu', cluster: { server: 'https://weu.example:6443', ...cluster } }],
      users: [{ name: 'me', user }],
    }),
  );
}

describe('kubeconfig', () => {
  it('reads server, authority, namespace and token', () => {
    const ca = Buffer.from('the authority').toString('base64');
    const found = fromKubeconfig([config({ token: 'a' }, { 'certificate-authority-data': ca })]);
    assert.equal(found.server.href, 'https://weu.example:6443/');
    assert.equal(found.namespace, 'shop');
    assert.equal(found.tls.ca, 'the authority');
    assert.equal(found.token?.().reveal(), 'a');
  });

  it('reads a token file anew each time, beside the kubeconfig', () => {
    const token = join(directory, 'token');
    writeFileSync(token, 'first\n');
    const found = fromKubeconfig([config({ tokenFile: 'token' })]);
    assert.equal(found.token?.().reveal(), 'first');
    writeFileSync(token, 'second\n');
    assert.equal(found.token?.().reveal(), 'second');
    writeFileSync(token, 'two words');
    assert.throws(() => found.token?.(), /does not hold one token/);
  });

  it('takes the first of several files to name something', () => {
    const other = write(stringify({ 'current-context': 'neu' }));
    assert.throws(() => fromKubeconfig([other, config()]), /no context called neu/);
    assert.equal(fromKubeconfig([other, config()], 'weu').namespace, 'shop');
    const environment = { KUBECONFIG: `${config()}:${other}` };
    assert.equal(chooseConnection({ environment }).server.hostname, 'weu.example');
  });

  const refused: [string, object, object, RegExp][] = [
    ['a program that hands out credentials', { exec: { command: 'x' } }, {}, /exec: a program/],
    ['a password', { username: 'a', password: 'hidden' }, {}, /username: API servers/],
    ['impersonation', { token: 'hidden', as: 'root' }, {}, /as: impersonation/],
    ['nobody', {}, {}, /neither a token nor a client certificate/],
    ['a certificate without key', { 'client-certificate-data': 'aGk=' }, {}, /needs its key/],
    ['TLS that is not verified', { token: 'x' }, { 'insecure-skip-tls-verify': true }, /insecure/],
    ['plain http', { token: 'hidden' }, { server: 'http://weu.example' }, /no https URL/],
    ['a proxy', { token: 'hidden' }, { 'proxy-url': 'http://p' }, /proxy-url/],
    [
      'a missing authority',
      { token: 'hidden' },
      { 'certificate-authority': 'none' },
      /none: no such/,
    ],
  ];
  for (const [what, user, cluster, problem] of refused) {
    it(`refuses ${what}, and says in which file`, () => {
      const file = config(user, cluster);
      assert.throws(
        () => fromKubeconfig([file]),
        (error: Error) => {
          assert.match(error.message, problem);
          assert.ok(error.message.includes(directory));
          assert.ok(!inspect(error).includes('hidden'));
          return true;
        },
      );
    });
  }

  it('does not quote a file that is no YAML', () => {
    const file = write('token: "hidden\n - ]');
    assert.throws(
      () => fromKubeconfig([file]),
      (error: Error) => /is not YAML/.test(error.message) && !inspect(error).includes('hidden'),
    );
  });

  it('finds the service account of a pod', () => {
    const environment = { KUBERNETES_SERVICE_HOST: '10.0.0.1', KUBERNETES_SERVICE_PORT: '443' };
    writeFileSync(join(directory, 'ca.crt'), 'the authority');
    writeFileSync(join(directory, 'namespace'), 'postern-system\n');
    writeFileSync(join(directory, 'token'), 'projected');
    const found = podConnection(environment, directory);
    assert.equal(found?.server.href, 'https://10.0.0.1/');
    assert.equal(found?.namespace, 'postern-system');
    assert.equal(found?.token?.().reveal(), 'projected');
    assert.equal(podConnection({}, directory), undefined);
  });
});
