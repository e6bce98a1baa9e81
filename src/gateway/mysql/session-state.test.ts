// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  SERVER_STATUS_ANSI_QUOTES,
  SERVER_STATUS_AUTOCOMMIT,
  SERVER_STATUS_IN_TRANS,
  SERVER_STATUS_NO_BACKSLASH_ESCAPES,
} from '../../wire/mysql/status.ts';
import { SessionState, TRACKED_VARIABLES } from './session-state.ts';

const TRACKED = TRACKED_VARIABLES.join(',');
const SHOP_HEX = '73686F70';

function learnt(): SessionState {
  const state = new SessionState(true);
  state.status(SERVER_STATUS_AUTOCOMMIT);
  state.learn(['STRICT_TRANS_TABLES', 'utf8mb4', SHOP_HEX, TRACKED, '1']);
  return state;
}

/** Through a call, so that the compiler does not carry one look over to the next. */
const mode = (state: SessionState) => state.mode;

describe('session-state', () => {
  it('learns the default schema whatever character set answers come in', () => {
    equal(learnt().schema, 'shop');
    const state = learnt();
    state.learn(['', 'latin1', Buffer.from('größe').toString('hex'), TRACKED, '1']);
    equal(state.schema, 'größe');
    state.learn(['', 'latin1', null, TRACKED, '1']);
    equal(state.schema, undefined);
  });

  it('knows the mode only after the target was asked', () => {
    equal(new SessionState(true).mode, undefined);
    deepEqual(learnt().mode, {
      charset: 'utf8mb4',
      ansiQuotes: false,
      noBackslashEscapes: false,
      oracle: false,
      ignoreSpace: false,
    });
    equal(learnt().schema, 'shop');
  });

  it('follows tracked variables', () => {
    const state = learnt();
    state.systemVariable('sql_mode', 'ANSI_QUOTES,NO_BACKSLASH_ESCAPES');
    state.status(SERVER_STATUS_ANSI_QUOTES | SERVER_STATUS_NO_BACKSLASH_ESCAPES);
    equal(mode(state)?.ansiQuotes, true);
    equal(mode(state)?.noBackslashEscapes, true);
    state.systemVariable('character_set_client', 'gbk');
    equal(mode(state)?.charset, 'gbk');
  });

  it('asks when the flags say what tracking did not, and believes the answer', () => {
    const state = learnt();
    state.status(SERVER_STATUS_ANSI_QUOTES);
    equal(mode(state), undefined);
    equal(state.worthAsking, true);
    state.learn(['', 'utf8mb4', SHOP_HEX, TRACKED, '1']);
    equal(mode(state)?.ansiQuotes, false);
    equal(state.worthAsking, false);
  });

  it('is blind as soon as tracking is narrowed or switched off', () => {
    const state = learnt();
    state.systemVariable('session_track_system_variables', 'autocommit');
    equal(mode(state), undefined);
    state.systemVariable('session_track_system_variables', '*');
    equal(mode(state)?.charset, 'utf8mb4');
    state.learn(['', 'utf8mb4', null, TRACKED, '0']);
    equal(mode(state), undefined);
    state.forget();
    equal(mode(state), undefined);
  });

  it('tells transactions from the status flags', () => {
    const state = learnt();
    state.status(SERVER_STATUS_IN_TRANS);
    equal(state.inTransaction, true);
    state.status(SERVER_STATUS_AUTOCOMMIT);
    equal(state.inTransaction, false);
  });
});
