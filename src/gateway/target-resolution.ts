// SPDX-License-Identifier: Apache-2.0
import type { Policy, Target } from '../policy/policy.ts';

/** What is known about the destination before the first byte is answered. */
export interface Destination {
  /** The listener's fixed target. */
  readonly listenerTarget?: string;
  /** Server name of a TLS-first connection. */
  readonly serverName?: string;
  /** What the peer dialled, as the proxy in front says. */
  readonly address?: { readonly ip: string; readonly port: number };
}

export type Resolution =
  | { readonly target: Target; readonly detail?: undefined }
  | { readonly target?: undefined; readonly detail: string };

/** `outbound_.3306_._.orders-db.data.svc.cluster.local` -> port and host (Istio's default SNI). */
const ISTIO_SNI = /^outbound_\.(\d+)_\.[^.]*_\.(.+)$/;

/**
 * Which target a connection is for: the listener's, else the server name, else the address that was
 * dialled before a proxy; listener and connection must agree when both say something. Never the user or database name (design, section 4).
 */
export function resolveTarget(policy: Policy, destination: Destination): Resolution {
  const { serverName, address } = destination;
  const named = serverName
    ? byServerName(policy, serverName)
    : address && byAddress(policy, address);
  if (destination.listenerTarget !== undefined) {
    const fixed = policy.targets.get(destination.listenerTarget);
    if (!fixed) return { detail: `target ${destination.listenerTarget} is not declared` };
    if (named && named.length > 0 && !named.includes(fixed)) {
      return { detail: `the listener is for ${fixed.id}, the connection for ${named[0]?.id}` };
    }
    return { target: fixed };
  }
  const said = serverName ?? (address && `${address.ip} port ${address.port}`);
  if (!said || !named) {
    return { detail: 'the connection names no target (no server name, no fixed listener)' };
  }
  const [target, other] = named;
  if (!target) return { detail: `no target is exposed as ${said}` };
  if (other) return { detail: `${said} is exposed by more than one target` };
  return { target };
}

function byServerName(policy: Policy, serverName: string): readonly Target[] {
  const name = serverName.toLowerCase().replace(/\.$/, '');
  const istio = ISTIO_SNI.exec(name);
  const port = istio ? Number(istio[1]) : undefined;
  const host = istio?.[2] ?? name;
  return [...policy.targets.values()].filter(
    (target) =>
      (port === undefined || target.expose.port === port) &&
      (target.expose.hostnames.some((hostname) => hostname.toLowerCase() === host) ||
        isServiceName(policy, target, host)),
  );
}

/** A target whose host names include the address itself, on that port. */
function byAddress(
  policy: Policy,
  { ip, port }: NonNullable<Destination['address']>,
): readonly Target[] {
  return [...policy.targets.values()].filter(
    ({ expose }) => expose.port === port && expose.hostnames.includes(ip),
  );
}

/**
 * `orders-db`, `orders-db.data-orders`, or that followed by `.svc` and a cluster domain. A Service
 * selects pods of its own namespace only, so what `postern render` writes is in Postern's.
 */
function isServiceName({ clusters }: Policy, target: Target, host: string): boolean {
  const { service } = target.expose;
  if (!service) return false;
  const gateways = [...clusters.values()].flatMap(({ istio }) => istio?.gateway?.namespace ?? []);
  return [target.namespace, ...gateways].some((namespace) => {
    const full = `${service}.${namespace}`.toLowerCase();
    return host === service.toLowerCase() || host === full || host.startsWith(`${full}.svc`);
  });
}
