// SPDX-License-Identifier: Apache-2.0
import { isMysqlPort, isTdsPort } from '../manifest/database-workload.ts';
import { type Manifest, manifestName } from '../manifest/manifest.ts';
import { childOf, itemsOf, textAt, textsOf } from '../manifest/node.ts';
import type { LintContext } from './context.ts';

/** Names of ports and hosts outside: what decides which protocol and which host is meant. */
export function lintNetwork(context: LintContext): void {
  lintPorts(context);
  const entries = context.mesh.of('ServiceEntry').map(entryOf);
  const taken = new Map<number, Entry>();
  for (const entry of entries) lintEntry(entry, taken, context);
}

function lintPorts({ mesh, found }: LintContext): void {
  for (const { manifest, ports } of mesh.services) {
    const object = manifestName(manifest);
    for (const { name, port, appProtocol, node } of ports) {
      const protocol = appProtocol ?? name.split('-')[0];
      const add = (problem: string) =>
        found.add('istio-port-protocol', node.place, { object, port, problem });
      if (!isMysqlPort({ name, port, appProtocol }) && !isTdsPort({ name, port })) continue;
      if (/^(http2?|https|grpc|tls)$/.test(protocol ?? '')) {
        add(`is taken for ${protocol}, which a database does not speak`);
      } else if (protocol === 'mysql') {
        add(
          'is called mysql: with PILOT_ENABLE_MYSQL_FILTER a filter reads it that knows old servers',
        );
      } else if (protocol !== 'tcp' && isTdsPort({ name, port })) {
        add(
          'has no protocol: it is guessed from the first bytes, and 1433 is not one that is known',
        );
      }
    }
  }
}

interface Entry {
  readonly manifest: Manifest;
  readonly hosts: ReturnType<typeof textsOf>;
  readonly ports: readonly number[];
  readonly resolution: string;
  readonly hasAddresses: boolean;
  readonly exportedToSome: boolean;
}

/** With the ports that are plain TCP alone: those of other protocols are told apart by name. */
function entryOf(manifest: Manifest): Entry {
  const { spec } = manifest;
  const ports = itemsOf(childOf(spec, 'ports'));
  return {
    manifest,
    hosts: textsOf(childOf(spec, 'hosts')),
    ports: ports
      .filter((one) => /^(TCP|MYSQL|MONGO|REDIS)$/i.test(textAt(one, 'protocol') ?? 'TCP'))
      .map((one) => Number(textAt(one, 'number'))),
    resolution: textAt(spec, 'resolution') ?? 'NONE',
    hasAddresses: itemsOf(childOf(spec, 'addresses')).length > 0,
    exportedToSome: textsOf(childOf(spec, 'exportTo')).every(({ value }) => value !== '*'),
  };
}

function lintEntry(entry: Entry, taken: Map<number, Entry>, { found }: LintContext): void {
  const { manifest, hosts, ports, resolution, hasAddresses, exportedToSome } = entry;
  const object = manifestName(manifest);
  const hostPlace = hosts[0]?.place ?? manifest.place;
  const say = (problem: string, suggestion: string, place = hostPlace) =>
    found.add('istio-service-entry', place, { object, problem, suggestion });
  if (ports.length === 0) return;
  for (const { value, place } of hosts.filter((one) => one.value.includes('*'))) {
    const problem = `${value} means nothing on a TCP port, where no name is sent`;
    const suggestion = 'One ServiceEntry for each host, with its full name.';
    found.add('istio-wildcard-host', place, { object, problem, suggestion });
  }
  if (hosts.length > 1) {
    say(
      'several hosts on one TCP port cannot be told apart',
      'One ServiceEntry for each host.',
      hosts[1]?.place,
    );
  }
  if (resolution === 'NONE' && !hasAddresses) {
    const problem = 'without addresses and resolution the port is open to any host at all';
    say(problem, 'Set "resolution: DNS" and an address of its own.');
  } else if (!hasAddresses) {
    for (const port of ports) {
      const other = taken.get(port);
      taken.set(port, other ?? entry);
      if (!other) continue;
      const problem = `it and ${manifestName(other.manifest)} have no addresses and one TCP port ${port}; connections get crossed`;
      say(problem, 'Give each an address of its own ("addresses"), with DNS capture on.');
    }
  }
  const isOpen = !exportedToSome || !childOf(manifest.spec, 'exportTo');
  if (isOpen && ports.some((port) => port === 3306 || port === 1433)) {
    const problem = 'every namespace of the mesh may use it to reach the database directly';
    say(problem, 'Set exportTo: ["."] in the namespace that Postern runs in.');
  }
}
