// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { PostJson, PostOptions } from './fetch-json.ts';
import { TokenReview } from './token-review.ts';

const SUBJECT = 'system:serviceaccount:payments:checkout';
const GOOD = {
  apiVersion: 'authentication.k8s.io/v1',
  kind: 'TokenReview',
  metadata: {},
  spec: {},
  status: { authenticated: true, audiences: ['postern'], user: { username: SUBJECT } },
};

function review(postJson: PostJson, alone = false): TokenReview {
  return new TokenReview({
    owner: 'Cluster prod',
    place: {
      server: 'https://kubernetes.default.svc/',
      ca: { from: 'file', path: '/ca.crt' },
      token: { from: 'file', path: '/token' },
      alone,
    },
    audiences: ['postern', 'other'],
    postJson,
    readMaterial: (material) => `content of ${material.from === 'file' && material.path}\n`,
  });
}

async function reason(answer: unknown): Promise<string | undefined> {
  const refused = await review(async () => answer).check('a.b.c', SUBJECT);
  return refused && `${refused.reason}: ${refused.detail}`;
}

describe('token review', () => {
  it('asks as the Kubernetes API wants to be asked', async () => {
    const asked: [string, PostOptions][] = [];
    const post: PostJson = async (url, options) => {
      asked.push([url, options]);
      return GOOD;
    };
    assert.equal(await review(post).check('a.b.c', SUBJECT), undefined);
    assert.deepEqual(asked, [
      [
        'https://kubernetes.default.svc/apis/authentication.k8s.io/v1/tokenreviews',
        {
          ca: 'content of /ca.crt\n',
          bearer: 'content of /token',
          timeoutMs: 5_000,
          body: {
            apiVersion: 'authentication.k8s.io/v1',
            kind: 'TokenReview',
            spec: { token: 'a.b.c', audiences: ['postern', 'other'] },
          },
        },
      ],
    ]);
  });

  it('believes only a whole yes', async () => {
    const status = (more: object) => ({ ...GOOD, status: { ...GOOD.status, ...more } });
    assert.equal(await reason(GOOD), undefined);
    assert.match(
      (await reason(status({ authenticated: false, error: 'pod is gone' }))) ?? '',
      /^token-reviewed: .*does not count: "pod is gone"/,
    );
    assert.match((await reason(status({ authenticated: undefined }))) ?? '', /^token-reviewed/);
    for (const audiences of [undefined, [], ['elsewhere']]) {
      assert.match((await reason(status({ audiences }))) ?? '', /did not confirm the audience/);
    }
    const others = status({ user: { username: 'system:serviceaccount:payments:other' } });
    assert.match((await reason(others)) ?? '', /payments:other"'s, it says/);
    assert.match((await reason(status({ user: undefined }))) ?? '', /^token-reviewed/);
    for (const answer of [
      undefined,
      null,
      {},
      { ...GOOD, kind: 'Status' },
      { kind: 'TokenReview' },
    ]) {
      assert.match((await reason(answer)) ?? '', /^provider-unavailable: .*with a TokenReview/);
    }
  });

  it('fails closed when the server cannot be asked', async () => {
    const down = review(() => Promise.reject(new Error('it did not answer within 5000 ms')));
    const refused = await down.check('a.b.c', SUBJECT);
    assert.equal(refused?.reason, 'provider-unavailable');
    assert.match(refused?.detail ?? '', /Cluster prod failed: it did not answer/);
  });

  it('asks once for many callers of one token, and not without end for others', async () => {
    let asked = 0;
    const answers: (() => void)[] = [];
    const post: PostJson = () => {
      asked += 1;
      return new Promise((resolve) => answers.push(() => resolve(GOOD)));
    };
    const one = review(post);
    const same = Array.from({ length: 10 }, () => one.check('a.b.c', SUBJECT));
    assert.equal(asked, 1);
    const others = Array.from({ length: 40 }, (_, index) => one.check(`token ${index}`, SUBJECT));
    assert.equal(asked, 32);
    for (const answer of answers) answer();
    assert.deepEqual(await Promise.all(same), Array(10).fill(undefined));
    const refused = (await Promise.all(others)).filter((each) => each !== undefined);
    assert.equal(refused.length, 9);
    assert.equal(refused[0]?.reason, 'provider-unavailable');
    const again = one.check('a.b.c', SUBJECT);
    for (const answer of answers) answer();
    assert.equal(await again, undefined);
  });
});
