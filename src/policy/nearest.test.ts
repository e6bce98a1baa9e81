// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { nearest, suggestion } from './nearest.ts';

const KINDS = ['Grant', 'Deny', 'Team', 'Target'];

describe('nearest', () => {
  it('forgives one mistake in a short word and two in a longer one', () => {
    assert.equal(nearest('Grnat', KINDS), 'Grant');
    assert.equal(nearest('team', KINDS), 'Team');
    assert.equal(nearest('targetSelctr', ['targetSelector']), 'targetSelector');
    assert.equal(nearest('Den', KINDS), 'Deny');
  });

  it('does not guess', () => {
    assert.equal(nearest('ConfigMap', KINDS), undefined);
    assert.equal(nearest('', KINDS), undefined);
    assert.equal(nearest('x'.repeat(10_000_000), ['x']), undefined);
  });

  it('lists what there is instead', () => {
    assert.equal(suggestion('Service', KINDS, ''), 'Known: Grant, Deny, Team, Target.');
    assert.equal(suggestion('x', [], 'Declare one.'), 'Declare one.');
    const many = Array.from({ length: 20 }, (_, index) => `name-${index}`);
    assert.match(suggestion('other', many, ''), /name-11, \.\.\.\.$/);
  });
});
