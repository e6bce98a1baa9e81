// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal, ok } from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ManualClock } from '../../test/support/manual-clock.ts';
import { cluster, policy } from '../../test/support/policy.ts';
import { newKeyRequest } from '../agent/key-request.ts';
import type { AuditLog } from '../audit/record.ts';
import type { IdentityResult } from '../identity/result.ts';
import { silentLog } from '../model/log.ts';
import { Issuance, type IssuanceParts } from './issuance.ts';
import { IssueRate } from './issue-rate.ts';

const CERTIFICATE = {
  chainPem: 'pem',
  spiffeId: 'spiffe://vms.local/ns/a/sa/b',
  serial: '7f',
  notBefore: 0,
  notAfter: 1_000,
};
const WORKLOAD: IdentityResult = {
  ok: true,
  principal: {
    kind: 'workload',
    id: 'workload/vms/a/b',
    method: 'token',
    verifiedBy: 'vms',
    claims: {},
    expiresAt: 0,
    cluster: 'vms',
    namespace: 'a',
    serviceAccount: 'b',
  },
};

function setUp(over: Partial<IssuanceParts> = {}, written = true) {
  const events: Parameters<AuditLog['append']>[0][] = [];
  const orders: unknown[] = [];
  const clock = new ManualClock();
  const certificates = { serviceAccounts: true, identities: [] };
  const declared = policy({ clusters: [cluster('vms', { certificates })] });
  let ids = 0;
  const issuance = new Issuance({
    audit: {
      accepting: written,
      append: (event, done) => {
        events.push(event);
        done?.(written);
      },
      close: () => Promise.resolve(),
    },
    refusals: { refused: ({ reason }) => `refused ${reason}` },
    clock,
    log: silentLog,
    rate: new IssueRate(2, clock),
    cluster: 'vms',
    lifeMs: 3_600_000,
    policy: () => declared,
    newId: () => `d${++ids}`,
    verifyToken: () => Promise.resolve(WORKLOAD),
    sign: (order) => {
      orders.push(order);
      return Promise.resolve(CERTIFICATE);
    },
    ...over,
  });
  const ask = async (more: { authorization?: string; request?: string } = {}) => {
    const request = newKeyRequest().requestPem;
    const base = { authorization: 'Bearer x', source: '192.0.2.1:1', request };
    const issued = await issuance.issue({ ...base, ...more });
    return issued.ok ? 'issued' : `${issued.status} ${issued.reason} ${issued.decision}`;
  };
  return { ask, events, orders };
}

describe('issuance', () => {
  it('hands out what is recorded, and orders by the proof', async () => {
    const { ask, events, orders } = setUp();
    equal(await ask(), 'issued');
    const [order] = orders as Record<string, unknown>[];
    deepEqual([order?.['namespace'], order?.['serviceAccount']], ['a', 'b']);
    equal(order?.['lifeMs'], 3_600_000);
    const [event] = events;
    ok(event?.event === 'certificate' && event.decision === 'allow' && event.serial === '7f');
    equal(event.rules[0]?.name, 'Cluster/vms');
  });

  it('keeps back what could not be recorded', async () => {
    const { ask, orders } = setUp({}, false);
    equal(await ask(), '503 audit-unavailable d1');
    equal(orders.length, 1);
  });

  it('records a refusal of somebody known with its reason, and signs nothing', async () => {
    const { ask, events, orders } = setUp();
    equal(await ask({ request: 'x' }), '400 request-malformed d1');
    deepEqual(
      events.map((event) => event.event === 'certificate' && `${event.decision} ${event.reason}`),
      ['deny request-malformed'],
    );
    equal(orders.length, 0);
    const gone = setUp({ cluster: 'other' });
    equal(await gone.ask(), '403 not-declared d1');
  });

  it('hears no stranger, and no token that is none', async () => {
    const verifyToken = () =>
      Promise.resolve({ ok: false, reason: 'token-expired', detail: 'secret detail' } as const);
    const { ask, events } = setUp({ verifyToken });
    equal(await ask(), '401 access-denied refused token-expired');
    for (const authorization of ['', 'Basic abc', 'Bearer', 'Bearer a b', 'Bearer é']) {
      equal(await ask({ authorization }), '401 access-denied refused anonymous', authorization);
    }
    equal(events.length, 0);
  });

  it('asks the rate before the signer', async () => {
    const { ask, orders } = setUp();
    equal(await ask(), 'issued');
    equal(await ask(), 'issued');
    equal(await ask(), '429 limit-rate refused limit-rate');
    equal(orders.length, 2);
  });

  it('says 503 when the signer cannot, and records why', async () => {
    const { ask, events } = setUp({ sign: () => Promise.reject(new Error('it ended')) });
    equal(await ask(), '503 signer-unavailable d1');
    ok(events[0]?.event === 'certificate' && events[0].detail === 'it ended');
  });
});
