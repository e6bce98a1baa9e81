// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { z } from 'zod';
import { problemText } from '../model/errors.ts';
import type { Material, TokenReviewPlace } from '../policy/policy.ts';
import type { PostJson } from './fetch-json.ts';
import { type IdentityRefusal, quote, refusal } from './result.ts';

/** How long an answer counts: so long a deleted pod or account can still log in. */
export const REVIEW_KEEP_MS = 30_000;
const DEADLINE_MS = 5_000;
/** A slow API server must not be asked by everybody at once. */
const MAX_UNDER_WAY = 32;

/** TokenReview of authentication.k8s.io/v1, as far as it is looked at. */
const answerSchema = z.object({
  kind: z.literal('TokenReview'),
  status: z.object({
    authenticated: z.boolean().optional(),
    error: z.string().optional(),
    audiences: z.array(z.string()).optional(),
    user: z.object({ username: z.string() }).optional(),
  }),
});

export interface TokenReviewParts {
  /** For messages: `Cluster prod`. */
  readonly owner: string;
  readonly place: TokenReviewPlace;
  readonly audiences: readonly string[];
  readonly postJson: PostJson;
  readonly readMaterial: (material: Material) => string;
}

/** Asks a cluster whether one of its service account tokens still counts. */
export class TokenReview {
  readonly #parts: TokenReviewParts;
  readonly #underWay = new Map<string, Promise<IdentityRefusal | undefined>>();

  constructor(parts: TokenReviewParts) {
    this.#parts = parts;
  }

  /** The review replaces the check of the signature. */
  get alone(): boolean {
    return this.#parts.place.alone;
  }

  /** Undefined: the cluster vouches for it, as this subject. Many callers share one question. */
  check(token: string, subject: unknown): Promise<IdentityRefusal | undefined> {
    const key = createHash('sha256').update(token).digest('base64');
    const known = this.#underWay.get(key);
    if (known) return known;
    if (this.#underWay.size >= MAX_UNDER_WAY) {
      return Promise.resolve(this.#unavailable(`${MAX_UNDER_WAY} reviews are under way`));
    }
    const asked = this.#ask(token, subject).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, asked);
    return asked;
  }

  async #ask(token: string, subject: unknown): Promise<IdentityRefusal | undefined> {
    const { place, audiences, postJson, readMaterial } = this.#parts;
    const url = `${place.server.replace(/\/$/, '')}/apis/authentication.k8s.io/v1/tokenreviews`;
    let answer: unknown;
    try {
      answer = await postJson(url, {
        // Read each time: both files are rotated.
        ca: readMaterial(place.ca),
        bearer: readMaterial(place.token).trim(),
        timeoutMs: DEADLINE_MS,
        body: {
          apiVersion: 'authentication.k8s.io/v1',
          kind: 'TokenReview',
          spec: { token, audiences: [...audiences] },
        },
      });
    } catch (thrown) {
      return this.#unavailable(problemText(thrown));
    }
    const read = answerSchema.safeParse(answer);
    if (!read.success) return this.#unavailable('it did not answer with a TokenReview');
    return this.#verdict(read.data.status, subject);
  }

  #verdict(
    status: z.output<typeof answerSchema>['status'],
    subject: unknown,
  ): IdentityRefusal | undefined {
    const { owner, audiences } = this.#parts;
    if (status.authenticated !== true) {
      const why = status.error ? `: ${quote(status.error)}` : '';
      return refusal('token-reviewed', `${owner} says that the token does not count${why}`);
    }
    // A server that does not know audiences leaves them out; then it did not look at them.
    if (!status.audiences?.some((one) => audiences.includes(one))) {
      return refusal('token-reviewed', `${owner} did not confirm the audience of the token`);
    }
    const username = status.user?.username;
    if (username === undefined || username !== subject) {
      const detail = `${owner} says that the token is ${quote(username)}'s, it says ${quote(subject)}`;
      return refusal('token-reviewed', detail);
    }
    return undefined;
  }

  #unavailable(problem: string): IdentityRefusal {
    const { owner } = this.#parts;
    return refusal('provider-unavailable', `the TokenReview of ${owner} failed: ${problem}`);
  }
}
