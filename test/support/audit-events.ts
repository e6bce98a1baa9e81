// SPDX-License-Identifier: Apache-2.0
import type { RequestIntent, RequestOutcome, SessionEvent } from '../../src/audit/record.ts';

const origin = {
  session: 's-1',
  principal: 'workload/prod-weu/payments/checkout',
  method: 'mesh-mtls',
  verifiedBy: 'prod-weu',
  target: 'data-orders/orders',
  source: '10.0.0.12:40123',
};

export const REVISION = 'c'.repeat(64);

export function intentOf(id: string, changes: Partial<RequestIntent> = {}): RequestIntent {
  return {
    event: 'intent',
    id,
    ...origin,
    revision: REVISION,
    decision: 'allow',
    rules: [
      {
        name: 'Grant/data-orders/checkout-writes',
        position: { file: 'policy/orders.yaml', line: 3, column: 1 },
      },
    ],
    command: 'COM_QUERY',
    kind: 'select',
    statement: 'SELECT id FROM shop.orders',
    statementHash: 'a'.repeat(64),
    needs: ['select shop.orders'],
    ...changes,
  };
}

export function outcomeOf(id: string, changes: Partial<RequestOutcome> = {}): RequestOutcome {
  const figures = { rows: 1, bytes: 87, durationMs: 1.25 };
  return { event: 'outcome', id, session: 's-1', outcome: 'ok', ...figures, ...changes };
}

export function sessionOf(
  event: SessionEvent['event'],
  changes: Partial<SessionEvent> = {},
): SessionEvent {
  return { event, id: `${event}-1`, ...origin, revision: REVISION, ...changes };
}
