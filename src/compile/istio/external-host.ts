// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import type { RuleReference } from '../../model/decision.ts';
import type { Target } from '../../policy/policy.ts';
import { isSql, type MeshContext } from './mesh-context.ts';

/** A host outside the mesh that targets of the declaration stand for. */
export interface ExternalHost {
  readonly host: string;
  readonly port: number;
  /** `tls`: HTTP towards the sidecar, which opens TLS itself so that it can see the request. */
  readonly protocol: 'tcp' | 'tls';
  readonly rules: readonly RuleReference[];
  readonly targets: readonly Target[];
}

export function externalHosts(context: MeshContext): readonly ExternalHost[] {
  const found = new Map<string, ExternalHost>();
  for (const target of context.targets) {
    const place = hostOf(target);
    if (!place) continue;
    const key = `${place.host}:${place.port}`;
    const { rules = [], targets = [] } = found.get(key) ?? {};
    found.set(key, {
      ...place,
      protocol: isSql(target) ? 'tcp' : 'tls',
      rules: [...rules, target.rule],
      targets: [...targets, target],
    });
  }
  return [...found].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, host]) => host);
}

const TDS_PORT = 1433;

/** Exact hosts: a wildcard is of no use without a server name on the wire, which TDS 7 has not. */
function hostOf({ system }: Target): { host: string; port: number } | undefined {
  switch (system.type) {
    case 'azureSql':
      return { host: system.server, port: TDS_PORT };
    case 'synapse': {
      const pool = system.pool === 'Serverless' ? '-ondemand' : '';
      return { host: `${system.workspace}${pool}.sql.azuresynapse.net`, port: TDS_PORT };
    }
    case 'azureMl':
      return { host: system.endpoint.toLowerCase(), port: 443 };
    case 'http':
      return { host: system.host.toLowerCase(), port: system.port };
    default:
      return undefined;
  }
}

/** Names of objects about a host: the host itself, cut and told apart by a hash when too long. */
export function hostObjectName(host: string): string {
  const plain = host.replace(/[^a-z0-9.-]/g, '-');
  if (plain.length <= 200) return plain;
  return `${plain.slice(0, 180)}-${createHash('sha256').update(host).digest('hex').slice(0, 16)}`;
}
