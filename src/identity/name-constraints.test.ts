// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { GeneralName, GeneralSubtree, NameConstraints } from 'pkijs';
import { permitsNames, readNameConstraints } from './name-constraints.ts';

const subtree = (type: 2 | 6, value: string, more = {}) =>
  new GeneralSubtree({ base: new GeneralName({ type, value }), ...more });

function permits(limits: NameConstraints, uri: string, more = {}): boolean {
  const read = readNameConstraints(limits);
  assert.ok(read);
  const names = { isCa: false, subject: '', uris: [uri], otherNames: new Set<number>(), ...more };
  return permitsNames(read, names);
}

describe('name-constraints', () => {
  it('compares hosts as RFC 5280 says: exactly, or below a leading dot', () => {
    const host = new NameConstraints({ permittedSubtrees: [subtree(6, 'Prod.example')] });
    assert.ok(permits(host, 'spiffe://prod.example/ns/a/sa/b'));
    assert.ok(permits(host, 'SPIFFE://PROD.EXAMPLE'));
    assert.ok(!permits(host, 'spiffe://a.prod.example/ns/a/sa/b'));
    assert.ok(!permits(host, 'spiffe://prod.example.evil/ns/a/sa/b'));
    const below = new NameConstraints({ permittedSubtrees: [subtree(6, '.prod.example')] });
    assert.ok(permits(below, 'spiffe://a.prod.example/x'));
    assert.ok(!permits(below, 'spiffe://prod.example/x'));
    assert.ok(!permits(below, 'spiffe://evilprod.example/x'));
  });

  it('permits nothing whose host cannot be told', () => {
    const limits = new NameConstraints({ excludedSubtrees: [subtree(6, 'dev.example')] });
    assert.ok(permits(limits, 'spiffe://prod.example/x'));
    assert.ok(!permits(limits, 'spiffe://dev.example/x'));
    for (const uri of ['urn:x', 'spiffe:///x', 'spiffe://10.0.0.1/x', 'https://a@prod.example/']) {
      assert.ok(!permits(limits, uri), uri);
    }
    assert.ok(!permits(limits, 'https://prod.example:443/'));
  });

  it('refuses names of another kind that is constrained, whatever they are', () => {
    const limits = new NameConstraints({ permittedSubtrees: [subtree(2, 'good.example')] });
    assert.ok(permits(limits, 'spiffe://any.example/x'));
    assert.ok(!permits(limits, 'spiffe://any.example/x', { otherNames: new Set([2]) }));
    assert.ok(permits(limits, 'spiffe://any.example/x', { otherNames: new Set([7]) }));
    assert.ok(!permits(limits, 'spiffe://any.example/x', { subject: 'O=x\nCN=bad.example' }));
  });

  it('does not claim to understand the rest', () => {
    const directory = new GeneralName({ type: 4 });
    const unread = [
      new NameConstraints({}),
      new NameConstraints({ permittedSubtrees: [new GeneralSubtree({ base: directory })] }),
      new NameConstraints({ permittedSubtrees: [subtree(6, 'a.example', { minimum: 1 })] }),
      new NameConstraints({ permittedSubtrees: [subtree(6, 'a.example', { maximum: 1 })] }),
      undefined,
    ];
    for (const limits of unread) assert.equal(readNameConstraints(limits), undefined);
  });
});
