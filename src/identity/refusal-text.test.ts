// SPDX-License-Identifier: Apache-2.0
import { deepEqual, doesNotMatch, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { DENIAL_REASONS } from '../model/decision.ts';
import { refusalText } from './refusal-text.ts';

describe('refusal text', () => {
  it('says something about every proof, and nothing about rules, targets and the gateway', () => {
    const told = DENIAL_REASONS.filter((reason) => refusalText(reason) !== 'Access denied');
    const proofs = DENIAL_REASONS.filter((reason) =>
      /^(anonymous|token-|ticket-|certificate-|proxy-|provider-)/.test(reason),
    );
    deepEqual(told, proofs);
  });

  it('does not tell which providers, keys and tickets there are', () => {
    const believed = ['token-issuer-unknown', 'token-key-unknown', 'provider-unavailable'] as const;
    for (const reason of believed) equal(refusalText(reason), refusalText('token-signature'));
    equal(refusalText('ticket-unknown'), refusalText('ticket-secret'));
    for (const reason of [...believed, 'token-signature', 'ticket-secret'] as const) {
      doesNotMatch(refusalText(reason), /\[/);
    }
  });
});
