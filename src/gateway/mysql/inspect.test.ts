// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { target } from '../../../test/support/policy.ts';
import { HashKeys } from '../../audit/hash-key.ts';
import { Inspector } from './inspect.ts';
import { PreparedStatements } from './prepared-statements.ts';
import { SessionState, TRACKED_VARIABLES } from './session-state.ts';
import { StatementCache } from './statements.ts';

const SHOP_HEX = '73686F70';
const LAST = Buffer.of(0xff, 0xff, 0xff, 0xff);
const EXECUTE_LAST = Buffer.concat([Buffer.of(0x17), LAST, Buffer.alloc(5)]);
const LONG_DATA_LAST = Buffer.concat([Buffer.of(0x18), LAST, Buffer.alloc(3)]);
const prepare = (sql: string) => Buffer.concat([Buffer.of(0x16), Buffer.from(sql)]);
const fieldList = (name: Buffer) => Buffer.concat([Buffer.of(0x04), name, Buffer.of(0)]);

function inspector(): Inspector {
  const state = new SessionState(true);
  state.learn(['', 'utf8mb4', SHOP_HEX, TRACKED_VARIABLES.join(','), '1']);
  return new Inspector(
    state,
    new StatementCache(target(), 100, new HashKeys([], Buffer.alloc(32))),
    new PreparedStatements(),
  );
}

describe('inspect', () => {
  it('takes id -1 for the statement prepared last, and long data for it too', () => {
    const inspect = inspector();
    inspect.prepared(inspect.inspect(prepare('SELECT * FROM orders')), 7);
    const { question } = inspect.inspect(EXECUTE_LAST);
    assert.equal(question.refusal, undefined);
    assert.equal(question.needs.length, 1);
    assert.equal(inspect.mayPass(LONG_DATA_LAST), true);
  });

  it('has no last statement once another PREPARE was sent, whatever became of it', () => {
    const inspect = inspector();
    inspect.prepared(inspect.inspect(prepare('DELETE FROM orders WHERE id = 1')), 7);
    inspect.inspect(prepare('SELECT 1'));
    assert.equal(inspect.inspect(EXECUTE_LAST).question.refusal?.reason, 'command-denied');
    assert.equal(inspect.mayPass(LONG_DATA_LAST), false);
  });

  it('asks about a table by name only where every character set reads the same name', () => {
    const inspect = inspector();
    assert.equal(inspect.inspect(fieldList(Buffer.from('orders'))).question.needs.length, 1);
    const other = inspect.inspect(fieldList(Buffer.from('ordérs')));
    assert.equal(other.question.refusal?.reason, 'statement-unparsed');
  });
});
