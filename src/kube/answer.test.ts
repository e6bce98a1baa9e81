// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { answerBody, refusal } from './answer.ts';

const server = 'https://weu.example';
const answer = (status: number, body: unknown) => ({
  status,
  headers: {},
  body: typeof body === 'string' ? body : JSON.stringify(body),
});

describe('answer of an API server', () => {
  it('names each other manager with its field, and how many more there are', () => {
    const causes = Array.from({ length: 7 }, (_, at) => ({
      reason: 'FieldManagerConflict',
      message: `conflict with "argocd" using apps/v1 at 2026-01-01T00:00:00Z`,
      field: `.spec.f${at}`,
    }));
    const error = refusal(answer(409, { details: { causes } }), server, 'apply Service a/b');
    assert.equal(error.code, 'cluster-conflict');
    assert.match(
      error.message,
      /did not apply Service a\/b: argocd holds spec\.f0, .*, and 2 more/,
    );
  });

  it('tells a change at the same time from a conflict of fields', () => {
    const error = refusal(answer(409, { message: 'modified' }), server, 'delete X');
    assert.match(String(error.facts['hint']), /run it again/);
  });

  it('prints the words of the server on one line and not without end', () => {
    const message = `a\u001b[31m\nb${'x'.repeat(2000)}`;
    const error = refusal(answer(422, { message }), server, 'apply X');
    assert.doesNotMatch(error.message, /\p{Cc}/u);
    assert.ok(error.message.length < 700);
  });

  it('does not take the page of a proxy for an API server', () => {
    for (const body of ['<html>', '[]', '"x"', '']) {
      assert.throws(() => answerBody(answer(502, body), server), /something else answers there/);
    }
  });
});
