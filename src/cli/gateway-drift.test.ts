// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { DriftView } from '../api/contract.ts';
import { gatewayDriftExitCode } from './gateway-drift.ts';

const seen: DriftView = {
  layer: 'database',
  where: 'data/orders',
  findings: [],
  omitted: 0,
  checkedAt: 1_000,
};
const { checkedAt: _, ...unseen } = seen;

describe('gateway-drift', () => {
  it('calls nothing good that cannot be looked at now, or was not yet', () => {
    equal(gatewayDriftExitCode([seen]), 0);
    equal(gatewayDriftExitCode([{ ...seen, omitted: 1 }]), 1);
    equal(gatewayDriftExitCode([unseen]), 3);
    equal(gatewayDriftExitCode([seen, { ...seen, problem: 'it does not answer' }]), 3);
    equal(gatewayDriftExitCode([{ ...seen, omitted: 1 }, unseen]), 3);
  });
});
