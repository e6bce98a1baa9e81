// SPDX-License-Identifier: Apache-2.0
import type { Cursor } from './cursor.ts';
import { refuse } from './refusal.ts';

/** BEGIN [WORK]; what else follows BEGIN is a compound statement. */
export function readBegin(cursor: Cursor): void {
  cursor.accept('work');
  if (cursor.atEnd) return;
  refuse(
    'kind',
    'BEGIN NOT ATOMIC: send the statements one by one, or CALL a stored procedure',
    'compound',
  );
}

/** START TRANSACTION [WITH CONSISTENT SNAPSHOT | READ ONLY | READ WRITE], ... */
export function readStart(cursor: Cursor): void {
  if (!cursor.accept('transaction')) {
    refuse('kind', 'START: replication is not administered here', 'administration');
  }
  if (cursor.atEnd) return;
  do {
    if (cursor.acceptAll('with', 'consistent', 'snapshot')) continue;
    cursor.expect('read');
    if (!cursor.accept('only')) cursor.expect('write');
  } while (cursor.accept(','));
}

/** What follows COMMIT and ROLLBACK: [WORK] [AND [NO] CHAIN] [[NO] RELEASE]. */
export function readEndOfTransaction(cursor: Cursor): void {
  cursor.accept('work');
  if (cursor.accept('and')) {
    cursor.accept('no');
    cursor.expect('chain');
  }
  if (cursor.accept('no')) cursor.expect('release');
  else cursor.accept('release');
}

export function readRollback(cursor: Cursor): void {
  cursor.accept('work');
  if (!cursor.accept('to')) {
    readEndOfTransaction(cursor);
    return;
  }
  cursor.accept('savepoint');
  cursor.name();
}

export function readSavepoint(cursor: Cursor): void {
  cursor.name();
}

export function readRelease(cursor: Cursor): void {
  cursor.expect('savepoint');
  cursor.name();
}
