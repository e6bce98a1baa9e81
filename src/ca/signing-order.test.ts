// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, throws } from 'node:assert/strict';
import { generateKeyPairSync } from 'node:crypto';
import { describe, it } from 'node:test';
import { checkOrder, MAX_LIFE_MS } from './signing-order.ts';

const spki = (key: ReturnType<typeof generateKeyPairSync>['publicKey']) =>
  key.export({ type: 'spki', format: 'der' }).toString('base64');
const KEY = spki(generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey);
const LIMITS = { trustDomain: 'vms.example', lifeMs: 3_600_000, servers: ['a/gateway'] };
const ORDER = {
  id: 1,
  publicKey: KEY,
  namespace: 'payments',
  serviceAccount: 'checkout',
  lifeMs: 3_600_000,
};

describe('signing-order', () => {
  it('makes the name and the purpose itself, out of its own limits', () => {
    const checked = checkOrder({ ...ORDER, usages: ['server'], isCa: true }, LIMITS);
    equal(checked.spiffeId, 'spiffe://vms.example/ns/payments/sa/checkout');
    deepEqual(checked.usages, ['client']);
    deepEqual(Object.keys(checked).sort(), ['lifeMs', 'publicKey', 'spiffeId', 'usages']);
    const server = { ...ORDER, namespace: 'a', serviceAccount: 'gateway' };
    deepEqual(checkOrder(server, LIMITS).usages, ['client', 'server']);
  });

  it('refuses names that are no workload, or more than one', () => {
    const names = ['', '..', 'a/sa/b', 'A', 'a b', 'a?', 'a#b', 'a%2f', '*', 'a'.repeat(300), 'ä'];
    for (const name of names) {
      throws(() => checkOrder({ ...ORDER, namespace: name }, LIMITS), /workload/, name);
      throws(() => checkOrder({ ...ORDER, serviceAccount: name }, LIMITS), /workload/, name);
    }
    for (const order of [undefined, null, 1, 'x', [], {}, { ...ORDER, namespace: ['a'] }]) {
      throws(() => checkOrder(order, LIMITS), /workload/);
    }
  });

  it('keeps to the life of its limits, and to its own', () => {
    for (const lifeMs of [0, -1, 3_600_001, Number.NaN, Number.POSITIVE_INFINITY, '60000', null]) {
      throws(() => checkOrder({ ...ORDER, lifeMs }, LIMITS), /life/, String(lifeMs));
    }
    const generous = { ...LIMITS, lifeMs: 10 * MAX_LIFE_MS };
    throws(() => checkOrder({ ...ORDER, lifeMs: MAX_LIFE_MS + 1 }, generous), /life/);
    equal(checkOrder({ ...ORDER, lifeMs: MAX_LIFE_MS }, generous).lifeMs, MAX_LIFE_MS);
  });

  it('refuses keys that are weak, private or none', () => {
    const weak = [
      spki(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey),
      spki(generateKeyPairSync('rsa', { modulusLength: 2048, publicExponent: 3 }).publicKey),
      spki(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).publicKey),
      spki(generateKeyPairSync('x25519').publicKey),
      spki(generateKeyPairSync('rsa-pss', { modulusLength: 2048 }).publicKey),
    ];
    for (const publicKey of [...weak, '', 'garbage', 7, undefined]) {
      throws(
        () => checkOrder({ ...ORDER, publicKey }, LIMITS),
        /the key is not/,
        String(publicKey),
      );
    }
  });
});
