// SPDX-License-Identifier: Apache-2.0
import type { DenialReason } from '../model/decision.ts';

const NOT_BELIEVED = 'the token is not of a provider that is accepted here, or not signed by it';
const WRONG_TICKET = 'there is no such ticket, or its secret is another';

/**
 * What somebody who is unknown may hear about the proof it gave: enough to put it right, nothing
 * that it did not bring along itself. No names, no lists of what would be accepted: those are in
 * the audit. With a code where the reason is about the proof alone.
 */
const COMMENTS: Partial<Record<DenialReason, string>> = {
  anonymous: 'give a certificate, a ticket, or a token as the password over TLS',
  'token-malformed': 'what was sent is not a token that can be used',
  'token-algorithm': 'the token is signed with an algorithm that proves nothing here',
  'token-oversize': 'the token is too large',
  // Told only when the signature was good.
  'token-audience': 'the token was made for another audience',
  'token-expired': 'the token has expired',
  'token-not-yet-valid': 'the token is not valid yet',
  'token-claims': 'the token lacks a claim that says whom it stands for, and until when',
  // Told only when the secret was right.
  'ticket-ended': 'the ticket has ended',
  'ticket-target': 'the ticket is for another target',
  'certificate-untrusted': 'the certificate is not of an authority that is accepted here',
  'certificate-expired': 'the certificate, or one above it, is outside its validity',
  'certificate-not-leaf': 'the certificate is that of an authority',
  'certificate-usage': 'the certificate is not made for clients',
  'certificate-identity': 'the certificate does not name exactly one workload',
  'proxy-identity': 'the proxy in front does not name exactly one workload of its mesh',
};

/** Without a code: what sets these apart tells which providers and tickets there are. */
const ALIKE: Partial<Record<DenialReason, string>> = {
  'token-issuer-unknown': NOT_BELIEVED,
  'token-key-unknown': NOT_BELIEVED,
  'token-signature': NOT_BELIEVED,
  'token-reviewed': NOT_BELIEVED,
  'provider-unavailable': NOT_BELIEVED,
  'ticket-unknown': WRONG_TICKET,
  'ticket-secret': WRONG_TICKET,
};

/** The refusal of a proof as its bearer hears it. */
export function refusalText(reason: DenialReason): string {
  const comment = COMMENTS[reason];
  if (comment !== undefined) return `Access denied: ${comment} [${reason}]`;
  const alike = ALIKE[reason];
  return alike === undefined ? 'Access denied' : `Access denied: ${alike}`;
}
