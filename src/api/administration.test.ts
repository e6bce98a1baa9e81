// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, match, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type MemoryLog, memoryLog } from '../../test/support/evidence.ts';
import { PosternError } from '../model/errors.ts';
import { type AdministrationParts, administrationApi } from './administration.ts';

/** The answer when verifying the caller throws this, and what was logged. */
async function failing(thrown: unknown) {
  const log: MemoryLog = memoryLog();
  const parts: Partial<AdministrationParts> = {
    log,
    newId: () => 'd1-1',
    identity: { verifyToken: () => Promise.reject(thrown) } as never,
  };
  const app = administrationApi(parts as AdministrationParts);
  const answer = await app.request('/v1/sessions', { headers: { authorization: 'Bearer abc' } });
  return { answer, body: (await answer.json()) as Record<string, string>, log };
}

describe('administration', () => {
  it('answers a fault of its own with an id that the log has too, and no more', async () => {
    const { answer, body, log } = await failing(new TypeError('secret-marker of undefined'));
    equal(answer.status, 500);
    match(answer.headers.get('content-type') ?? '', /^application\/json/);
    deepEqual(Object.keys(body).sort(), ['correlation', 'error']);
    ok(!JSON.stringify(body).includes('secret-marker'));
    match(body['error'] ?? '', /went wrong inside Postern.*d1-1/);
    equal(body['correlation'], 'd1-1');
    match(log.lines.join('\n'), /d1-1/);
    match(log.lines.join('\n'), /secret-marker/);
  });

  it('says what failed where that is made to be said', async () => {
    const thrown = new PosternError('audit-unwritable', { path: 'audit', problem: 'disk full' });
    const { answer, body } = await failing(thrown);
    equal(answer.status, 500);
    equal(body['error'], thrown.message);
  });
});
