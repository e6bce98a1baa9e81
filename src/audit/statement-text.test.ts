// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import { statementText } from './statement-text.ts';

const plain = { features: { mayHoldCredentials: false }, normalised: 'SELECT ?' };
const secret = { features: { mayHoldCredentials: true }, normalised: 'SET PASSWORD = ?' };
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

describe('statementText', () => {
  it('records what the target asks for', () => {
    const bytes = Buffer.from('SELECT 1');
    const statementHash = sha256(bytes);
    assert.deepEqual(statementText(bytes, plain, 'Text'), { statement: 'SELECT 1', statementHash });
    assert.deepEqual(statementText(bytes, plain, 'Normalised'), {
      statement: 'SELECT ?',
      statementHash,
    });
    assert.deepEqual(statementText(bytes, plain, 'None'), { statementHash });
  });

  it('records no text of a statement that may hold credentials', () => {
    const bytes = Buffer.from("SET PASSWORD = 'hunter2'");
    for (const mode of ['Text', 'Normalised', 'None'] as const) {
      assert.deepEqual(statementText(bytes, secret, mode), { statementHash: sha256(bytes) });
    }
  });

  it('has no normalised text for what was not analysed', () => {
    const bytes = Buffer.from('SELEKT');
    const facts = { features: { mayHoldCredentials: false } };
    assert.deepEqual(statementText(bytes, facts, 'Normalised'), { statementHash: sha256(bytes) });
  });

  it('is lossless for bytes that are no UTF-8, and says so', () => {
    const bytes = Buffer.from([0x53, 0xe9, 0xff, 0x00, 0x80]);
    const recorded = statementText(bytes, plain, 'Text');
    assert.equal(recorded.statementEncoding, 'latin1');
    assert.deepEqual(Buffer.from(recorded.statement ?? '', 'latin1'), bytes);
  });

  it('cuts a long statement between characters and hashes all of it', () => {
    const bytes = Buffer.from(`a${'é'.repeat(60_000)}`);
    const recorded = statementText(bytes, plain, 'Text');
    assert.equal(Buffer.byteLength(recorded.statement ?? ''), 65_535);
    assert.equal(recorded.statement?.includes('\ufffd'), false);
    assert.equal(recorded.statementCutFrom, 120_001);
    assert.equal(recorded.statementHash, sha256(bytes));
  });
});
