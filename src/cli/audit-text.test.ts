// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditRecord } from '../audit/chain.ts';
import { RecordLines } from './audit-text.ts';

function lineOf(detail: string): string {
  const record = {
    ...{ v: 1, stream: 's.0.1', seq: 1, time: '2027-01-01T00:00:00.000Z', prev: '', hash: '' },
    ...{ event: 'administration', id: 'd-1', principal: 'user/people/oscar', rules: [] },
    ...{ action: 'sessions.list', decision: 'allow', detail },
  } as AuditRecord;
  return new RecordLines(false).line(record).replace(/ +/g, ' ');
}

describe('audit text', () => {
  it('ends an administrative act without a detail at its name', () => {
    const start = '2027-01-01 00:00:00.000 ALLOW user/people/oscar - sessions.list';
    equal(lineOf(''), `${start} d-1`);
    equal(lineOf('no Grant'), `${start}: no Grant d-1`);
  });
});
