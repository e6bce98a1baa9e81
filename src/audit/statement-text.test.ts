// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { HashKeys } from './hash-key.ts';
import { mayBeQuoted, type StatementFacts, statementText } from './statement-text.ts';

const plain = { features: { mayHoldCredentials: false }, normalised: 'SELECT ?' };
const secret = { features: { mayHoldCredentials: true }, normalised: 'SET PASSWORD = ?' };
const keys = new HashKeys([], Buffer.alloc(32, 7));
const hash = (bytes: Buffer) => keys.hash(bytes);
const textOf = (bytes: Buffer, facts: StatementFacts, mode: 'Text' | 'Normalised' | 'None') =>
  statementText(bytes, facts, mode, keys);

describe('statementText', () => {
  it('records what the target asks for', () => {
    const bytes = Buffer.from('SELECT 1');
    const statementHash = hash(bytes);
    assert.deepEqual(textOf(bytes, plain, 'Text'), { statement: 'SELECT 1', statementHash });
    assert.deepEqual(textOf(bytes, plain, 'Normalised'), {
      statement: 'SELECT ?',
      statementHash,
    });
    assert.deepEqual(textOf(bytes, plain, 'None'), { statementBytes: 8, statementHash });
  });

  it('records no text of a statement that may hold credentials', () => {
    const bytes = Buffer.from("SET PASSWORD = 'hunter2'");
    for (const mode of ['Text', 'Normalised', 'None'] as const) {
      const left = { statementBytes: 24, statementHash: hash(bytes) };
      assert.deepEqual(textOf(bytes, secret, mode), left);
      assert.equal(mayBeQuoted(secret, mode), false);
    }
  });

  it('has no normalised text for what was not analysed', () => {
    const bytes = Buffer.from('SELEKT');
    const facts = { features: { mayHoldCredentials: false } };
    const left = { statementBytes: 6, statementHash: hash(bytes) };
    assert.deepEqual(textOf(bytes, facts, 'Normalised'), left);
    assert.equal(mayBeQuoted(facts, 'Normalised'), false);
    assert.equal(mayBeQuoted(facts, 'Text'), true);
  });

  it('is lossless for bytes that are no UTF-8, and says so', () => {
    const bytes = Buffer.from([0x53, 0xe9, 0xff, 0x00, 0x80]);
    const recorded = textOf(bytes, plain, 'Text');
    assert.equal(recorded.statementEncoding, 'latin1');
    assert.deepEqual(Buffer.from(recorded.statement ?? '', 'latin1'), bytes);
  });

  it('cuts a long statement between characters and hashes all of it', () => {
    const bytes = Buffer.from(`a${'é'.repeat(60_000)}`);
    const recorded = textOf(bytes, plain, 'Text');
    assert.equal(Buffer.byteLength(recorded.statement ?? ''), 65_535);
    assert.equal(recorded.statement?.includes('\ufffd'), false);
    assert.equal(recorded.statementCutFrom, 120_001);
    assert.equal(recorded.statementHash, hash(bytes));
  });
});
