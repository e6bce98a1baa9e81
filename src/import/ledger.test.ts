// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { Ledger } from './ledger.ts';

const FACT = { origin: 'account app@%', text: 'SELECT on shop.*' };

describe('ledger of an import', () => {
  it('does not close while a fact is unaccounted for', () => {
    const ledger = new Ledger();
    ledger.open('a', FACT);
    assert.throws(() => ledger.close(), /the fact a is unaccounted for/);
    ledger.leave('a', 'no action stands for it');
    assert.deepEqual(ledger.close(), [
      { ...FACT, into: [], outcome: 'left', why: 'no action stands for it' },
    ]);
  });

  it('keeps facts apart', () => {
    const ledger = new Ledger();
    ledger.open('a', FACT);
    assert.throws(() => ledger.open('a', FACT), /is there twice/);
    assert.throws(() => ledger.carry('b', 'Grant/data/b'), /there is no fact b/);
  });

  it('counts what is somewhere as carried, and says when it means something else', () => {
    const ledger = new Ledger();
    for (const key of ['a', 'b']) ledger.open(key, FACT);
    ledger.leave('a', 'not here');
    ledger.carry('a', 'Grant/data/two');
    ledger.carry('a', 'Grant/data/one');
    ledger.change('b', 'Grant/data/one', 'narrower');
    ledger.carry('b', 'Grant/data/two');
    const into = ['Grant/data/one', 'Grant/data/two'];
    assert.deepEqual(ledger.close(), [
      { ...FACT, into, outcome: 'carried' },
      { ...FACT, into, outcome: 'changed', why: 'narrower' },
    ]);
  });
});
