// SPDX-License-Identifier: Apache-2.0
import { deepEqual, equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { AuditEvent, LoginEvent } from '../audit/record.ts';
import { silentLog } from '../model/log.ts';
import type { Policy, Target } from '../policy/policy.ts';
import { Identifiers } from './identifiers.ts';
import type { GatewayParts } from './parts.ts';
import { type Door, serveConnection } from './session.ts';

const problem = { reason: 'lease-exceeds-policy', detail: 'PUBLIC holds SELECT on shop.secrets' };
const orders = { id: 'data/orders', expose: { hostnames: [] } } as unknown as Target;
const policy = { targets: new Map([[orders.id, orders]]), revision: 'r' } as unknown as Policy;

function parts(events: AuditEvent[]): GatewayParts {
  return {
    log: silentLog,
    ids: new Identifiers(),
    meter: { loginDenied: () => undefined },
    audit: { append: (event: AuditEvent) => events.push(event), accepting: true },
    refusals: {
      refused: (facts: Omit<LoginEvent, 'event' | 'id'>) => {
        events.push({ event: 'login-denied', id: 'd-1', ...facts });
        return 'd-1';
      },
    },
    brokers: new Map([[orders.id, { ready: false, problem }]]),
    engine: { policy },
    draining: false,
  } as unknown as GatewayParts;
}

function door(over: Partial<Door>, told: string[]): Door {
  return {
    source: '192.0.2.1:1',
    destination: { listenerTarget: orders.id },
    downstreamConnection: 1,
    identify: () => Promise.reject(new Error('nobody is asked')),
    refuse: (denial) => void told.push(denial.detail),
    connectUpstream: () => Promise.reject(new Error('nobody is in')),
    relay: () => Promise.resolve(undefined),
    close: () => undefined,
    ...over,
  };
}

describe('session', () => {
  it('tells the audit why, and nobody unknown what is wrong with a target', async () => {
    const events: AuditEvent[] = [];
    const told: string[] = [];
    await serveConnection(parts(events), door({}, told), () => undefined);
    deepEqual(told, ['the target is not available at this moment']);
    const [denied] = events;
    equal(denied?.event === 'login-denied' && denied.detail, problem.detail);
    equal(denied && 'principal' in denied, false);
  });

  it('names no target to somebody unknown', async () => {
    const told: string[] = [];
    const destination = { listenerTarget: 'data/stock' };
    await serveConnection(parts([]), door({ destination }, told), () => undefined);
    deepEqual(told, ['this connection leads to no target']);
  });

  it('keeps a bounded piece of what an unknown peer says of itself', async () => {
    const events: AuditEvent[] = [];
    const open = { ...parts(events), brokers: new Map([[orders.id, { ready: true }]]) };
    const identify = async () => ({
      identity: { ok: false, reason: 'anonymous', detail: 'no token was sent' } as const,
      application: 'x'.repeat(60_000),
      attributes: {},
    });
    await serveConnection(open as unknown as GatewayParts, door({ identify }, []), () => undefined);
    const [denied] = events;
    equal(denied?.event === 'login-denied' && denied.claimed?.length, 256);
  });
});
