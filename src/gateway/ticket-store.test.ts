// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { isTicketId, type TicketProof } from '../identity/ticket.ts';
import type { UserPrincipal } from '../model/principal.ts';
import { scrambleSha2 } from '../wire/mysql/auth/caching-sha2.ts';
import { scrambleNative } from '../wire/mysql/auth/native-password.ts';
import { TicketStore } from './ticket-store.ts';

const START = 1_800_000_000_000;
const CHALLENGE = Buffer.from('abcdefghijklmnopqrst');

const ada: UserPrincipal = {
  kind: 'user',
  id: 'user/people/ada',
  method: 'token',
  verifiedBy: 'people',
  claims: { department: 'sales' },
  expiresAt: START + 3_600_000,
  provider: 'people',
  subject: 'ada',
  groups: { ids: new Set(['analysts']), incomplete: false },
  appRoles: new Set(),
};

function newStore() {
  const clock = new ManualClock(START);
  return { clock, store: new TicketStore(clock) };
}

async function issued(store: TicketStore, more: { uses?: number; ttlMs?: number } = {}) {
  const order = { principal: ada, target: 'data/orders', ttlMs: 600_000, ...more };
  const ticket = await store.issue(order);
  assert.ok(ticket.ok);
  return { ...ticket, secret: ticket.secret.reveal() };
}

function proof(
  ticket: { readonly id: string; readonly secret: string },
  more: Partial<TicketProof> = {},
): TicketProof {
  const scheme = more.scheme ?? 'mysql_native_password';
  const scramble = scheme === 'mysql_native_password' ? scrambleNative : scrambleSha2;
  const response = scramble(ticket.secret, CHALLENGE);
  return { id: ticket.id, target: 'data/orders', scheme, challenge: CHALLENGE, response, ...more };
}

const outcome = async (result: ReturnType<TicketStore['redeem']>) => {
  const found = await result;
  return found.ok ? found.principal.id : found.reason;
};

describe('tickets', () => {
  it('opens with either scheme, as the principal it was issued to', async () => {
    const { store } = newStore();
    const ticket = await issued(store);
    assert.ok(isTicketId(ticket.id));
    for (const scheme of ['mysql_native_password', 'caching_sha2_password'] as const) {
      const found = await store.redeem(proof(ticket, { scheme }));
      assert.ok(found.ok);
      assert.deepEqual(found.principal, { ...ada, method: 'ticket' });
      assert.equal(found.ticket, ticket.id);
    }
  });

  it('refuses what does not prove the secret for this challenge', async () => {
    const { store } = newStore();
    const ticket = await issued(store);
    const other = await issued(store);
    const wrong = (more: Partial<TicketProof>) => outcome(store.redeem(proof(ticket, more)));
    assert.equal(await wrong({ response: Buffer.alloc(0) }), 'ticket-secret');
    assert.equal(await wrong({ response: Buffer.alloc(20) }), 'ticket-secret');
    assert.equal(await wrong({ challenge: Buffer.alloc(20, 1) }), 'ticket-secret', 'a replay');
    assert.equal(await wrong({ id: other.id }), 'ticket-secret');
    const native = scrambleNative(ticket.secret, CHALLENGE);
    const mixed = { scheme: 'caching_sha2_password', response: native } as const;
    assert.equal(await wrong(mixed), 'ticket-secret');
    assert.equal(await wrong({ id: 'tkt-aaaaaaaaaaaaaaaa' }), 'ticket-unknown');
    assert.equal((await store.list())[0]?.logins, 0);
  });

  it('is good for one target, and a wrong one takes no use', async () => {
    const { store } = newStore();
    const ticket = await issued(store, { uses: 1 });
    const elsewhere = proof(ticket, { target: 'data/other' });
    assert.equal(await outcome(store.redeem(elsewhere)), 'ticket-target');
    assert.equal(await outcome(store.redeem(proof(ticket))), ada.id);
  });

  it('counts uses, however many ask at once', async () => {
    const { store } = newStore();
    const ticket = await issued(store, { uses: 3 });
    const all = Array.from({ length: 20 }, () => outcome(store.redeem(proof(ticket))));
    const good = (await Promise.all(all)).filter((one) => one === ada.id);
    assert.equal(good.length, 3);
    assert.equal(await outcome(store.redeem(proof(ticket))), 'ticket-ended');
    const [view] = await store.list();
    assert.deepEqual([view?.logins, view?.usesLeft, view?.state], [3, 0, 'used up']);
  });

  it('proves a session again without taking a use, even when all are taken', async () => {
    const { store } = newStore();
    const ticket = await issued(store, { uses: 1 });
    assert.equal(await outcome(store.redeem(proof(ticket))), ada.id);
    assert.equal(await outcome(store.redeem(proof(ticket, { again: true }))), ada.id);
    await store.revoke(ticket.id);
    assert.equal(await outcome(store.redeem(proof(ticket, { again: true }))), 'ticket-ended');
  });

  it('ends with its time, with its revocation, and with the proof it was issued for', async () => {
    const { store, clock } = newStore();
    const short = await issued(store, { ttlMs: 60_000 });
    const long = await issued(store, { ttlMs: 10 * 3_600_000 });
    const revoked = await issued(store);
    assert.equal(short.expiresAt, START + 60_000);
    assert.equal(long.expiresAt, ada.expiresAt);
    assert.equal(await store.revoke(revoked.id), true);
    assert.equal(await store.revoke(revoked.id), false, 'revoked already');
    assert.equal(await outcome(store.redeem(proof(revoked))), 'ticket-ended');
    clock.advance(60_000);
    assert.equal(await outcome(store.redeem(proof(short))), 'ticket-ended');
    assert.equal(await outcome(store.redeem(proof(long))), ada.id);
    assert.equal(await store.revoke(short.id), false, 'expired already');
    clock.advance(3_600_000);
    assert.equal(await outcome(store.redeem(proof(long))), 'ticket-ended');
    const late = await store.issue({ principal: ada, target: 'data/orders', ttlMs: 1 });
    assert.equal(late.ok ? late.id : late.reason, 'ticket-ended');
  });

  it('ends with the proof of whom the principal acts for', async () => {
    const { store } = newStore();
    const onBehalfOf = { ...ada, id: 'user/people/grace', expiresAt: START + 1_000 };
    const principal = { ...ada, onBehalfOf };
    const ticket = await store.issue({ principal, target: 'data/orders', ttlMs: 60_000 });
    assert.equal(ticket.ok && ticket.expiresAt, START + 1_000);
  });

  it('forgets ended tickets, and never a live one for lack of room', async () => {
    const { store, clock } = newStore();
    const first = await issued(store, { ttlMs: 60_000 });
    for (let count = 1; count < 200; count += 1) await issued(store);
    const order = { principal: ada, target: 'data/orders', ttlMs: 60_000 };
    const refused = await store.issue(order);
    assert.equal(refused.ok || refused.reason, 'limit-memory');
    assert.ok((await store.issue({ ...order, principal: { ...ada, id: 'user/people/bob' } })).ok);
    clock.advance(60_000);
    assert.ok((await store.issue(order)).ok, 'the ended one made room');
    assert.equal(await outcome(store.redeem(proof(first))), 'ticket-unknown');
    clock.advance(30 * 60_000);
    assert.deepEqual(await store.list(), []);
  });
});
