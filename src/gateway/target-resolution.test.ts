// SPDX-License-Identifier: Apache-2.0
import { equal, match } from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Policy, Target } from '../policy/policy.ts';
import { resolveTarget } from './target-resolution.ts';

function target(name: string, hostnames: readonly string[]): Target {
  const position = { file: 'f', line: 1, column: 1 };
  return {
    rule: { name: `Target/data/${name}`, position },
    id: `data/${name}`,
    namespace: 'data',
    name,
    labels: {},
    expose: { service: `${name}-db`, port: 3306, hostnames },
    enforcement: 'Enforce',
    audit: { statements: 'Text', parameters: 'None', retentionMs: 1 },
    system: { type: 'azureSql', server: 'x.database.windows.net' },
  };
}

const targets = [
  target('orders', ['Orders.db.example']),
  target('stock', ['stock.db.example', '10.96.0.7']),
];
const gate = { istio: { gateway: { namespace: 'gate', serviceAccount: 'postern' } } };
const policy = {
  targets: new Map(targets.map((one) => [one.id, one])),
  clusters: new Map([['prod', gate]]),
} as unknown as Policy;
const resolved = (serverName?: string, listenerTarget?: string) =>
  resolveTarget(policy, {
    ...(serverName !== undefined && { serverName }),
    ...(listenerTarget !== undefined && { listenerTarget }),
  });

describe('target-resolution', () => {
  it('takes the listener, hostnames, service names and the name that Istio sends', () => {
    equal(resolved(undefined, 'data/stock').target?.id, 'data/stock');
    equal(resolved('ORDERS.db.example').target?.id, 'data/orders');
    equal(resolved('orders-db.data').target?.id, 'data/orders');
    equal(resolved('orders-db.data.svc.cluster.local').target?.id, 'data/orders');
    const istio = 'outbound_.3306_._.orders-db.data.svc.cluster.local';
    equal(resolved(istio).target?.id, 'data/orders');
    equal(resolved('outbound_.3306_.v1_.stock-db.data.svc.x').target?.id, 'data/stock');
    const rendered = 'outbound_.3306_._.stock-db.gate.svc.cluster.local';
    equal(resolved(rendered).target?.id, 'data/stock');
  });

  it('resolves nothing from an unknown name, port or neighbour', () => {
    equal(resolved('orders.db.example.evil').target, undefined);
    equal(resolved('outbound_.3307_._.orders-db.data.svc.cluster.local').target, undefined);
    equal(resolved('orders-db.other.svc.cluster.local').target, undefined);
    equal(resolved().target, undefined);
    equal(resolved(undefined, 'data/none').target, undefined);
  });

  it('takes the address that was dialled before a proxy, where a target has it', () => {
    const byAddress = (ip: string, port: number, listenerTarget?: string) =>
      resolveTarget(policy, {
        address: { ip, port },
        ...(listenerTarget !== undefined && { listenerTarget }),
      });
    equal(byAddress('10.96.0.7', 3306).target?.id, 'data/stock');
    match(byAddress('10.96.0.7', 3307).detail ?? '', /exposed as 10\.96\.0\.7 port 3307/);
    equal(byAddress('10.96.0.8', 3306).target, undefined);
    equal(byAddress('10.96.0.8', 3306, 'data/orders').target?.id, 'data/orders');
    match(byAddress('10.96.0.7', 3306, 'data/orders').detail ?? '', /data\/orders.*data\/stock/);
  });

  it('refuses a server name that contradicts the listener, but not one that says nothing', () => {
    equal(resolved('localhost', 'data/orders').target?.id, 'data/orders');
    const conflict = resolved('stock.db.example', 'data/orders');
    equal(conflict.target, undefined);
    match(conflict.detail ?? '', /data\/orders.*data\/stock/);
  });
});
