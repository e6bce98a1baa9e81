// SPDX-License-Identifier: Apache-2.0
import { type Answer, every, isUnknown, not, some, unknown } from './answer.ts';
import { denied, type Origin, undecided } from './finding.ts';
import { type LabelSelector, readLabelSelector, selects } from './label-selector.ts';
import type { MeshObject } from './mesh-facts.ts';
import type { MeshVerdict } from './mesh-verdict.ts';
import type { NetworkEnd } from './network-end.ts';
import { ObjectFields } from './object-fields.ts';
import { inBlock } from './resolved-call.ts';

interface Peer {
  readonly pods?: LabelSelector;
  readonly namespaces?: LabelSelector;
  readonly block?: { readonly cidr: string; readonly except: readonly string[] };
}

interface PortRange {
  readonly protocol: string;
  /** A number or a container port's name; absent: every port. */
  readonly port?: number | string;
  readonly endPort?: number;
}

interface TrafficRule {
  readonly path: string;
  /** Empty: from or to everywhere. */
  readonly peers: readonly Peer[];
  /** Empty: every port. */
  readonly ports: readonly PortRange[];
  readonly strange?: string;
}

type Way = 'ingress' | 'egress';

export interface NetworkPolicy {
  readonly from: MeshObject;
  readonly namespace: string;
  readonly pods: LabelSelector;
  /** The ways that it closes but for its rules. */
  readonly ways: Readonly<Record<Way, readonly TrafficRule[] | undefined>>;
  readonly strange?: string;
}

/** What of a connection they judge: TCP to a port of the pod. */
export interface NetworkPort {
  readonly port: number;
  /** Container ports of the destination by name. */
  readonly names?: Readonly<Record<string, number>>;
}

export function readNetworkPolicy(from: MeshObject): NetworkPolicy {
  const spec = new ObjectFields(from.object['spec'], 'spec');
  const types = spec.texts('policyTypes');
  // Without types it closes what comes in, and what goes out if it says anything of that.
  const closes = (way: Way, type: string) =>
    types.length > 0 ? types.includes(type) : way === 'ingress' || spec.has('egress');
  const apart = new ObjectFields(from.object['spec'], 'spec');
  const rulesOf = (way: Way, peers: string) =>
    apart.objects(way).map((rule) => readRule(rule, peers));
  spec.ignore('ingress', 'egress');
  const pods = readLabelSelector(spec.object('podSelector'));
  const strange = spec.strange();
  return {
    from,
    namespace: from.object.metadata.namespace ?? '',
    pods,
    ways: {
      ingress: closes('ingress', 'Ingress') ? rulesOf('ingress', 'from') : undefined,
      egress: closes('egress', 'Egress') ? rulesOf('egress', 'to') : undefined,
    },
    ...(strange !== undefined && { strange }),
  };
}

function readRule(rule: ObjectFields, peersField: string): TrafficRule {
  const peers = rule.objects(peersField).map((peer): Peer => {
    const block = peer.object('ipBlock');
    return {
      ...(peer.has('podSelector') && { pods: readLabelSelector(peer.object('podSelector')) }),
      ...(peer.has('namespaceSelector') && {
        namespaces: readLabelSelector(peer.object('namespaceSelector')),
      }),
      ...(peer.has('ipBlock') && {
        block: { cidr: block.text('cidr') ?? '', except: block.texts('except') },
      }),
    };
  });
  const ports = rule.objects('ports').map((one): PortRange => {
    const port = one.numberOrText('port');
    const end = one.numberOrText('endPort');
    return {
      protocol: one.text('protocol') ?? 'TCP',
      ...(port !== undefined && { port }),
      ...(typeof end === 'number' && { endPort: end }),
    };
  });
  const strange = rule.strange();
  return { path: rule.path, peers, ports, ...(strange !== undefined && { strange }) };
}

/**
 * What stops the connection at one end, or undefined. `policies` are those of the end's namespace:
 * the ones that select its pod close it together, and any rule of any of them opens it.
 */
export function closedBy(
  way: Way,
  policies: readonly NetworkPolicy[],
  own: NetworkEnd,
  other: NetworkEnd,
  port: NetworkPort,
): MeshVerdict | undefined {
  let closes: { readonly answer: Answer; readonly origin?: Origin } = { answer: false };
  const opens: Answer[] = [];
  for (const policy of policies) {
    const rules = policy.ways[way];
    const origin = { from: policy.from, path: 'spec' };
    if (policy.strange !== undefined) {
      return undecided(unknown('field-unknown', policy.strange), origin);
    }
    if (!rules) continue;
    const selected = selects(policy.pods, own.pod);
    if (selected === false) continue;
    if (closes.answer !== true) closes = { answer: selected, origin };
    const opened = some(rules, (rule) => ruleOpens(rule, policy, other, port));
    opens.push(every([selected, opened], (answer) => answer));
  }
  const stopped = every([closes.answer, not(some(opens, (answer) => answer))], (answer) => answer);
  if (stopped === false) return undefined;
  if (isUnknown(stopped)) return undecided(stopped, closes.origin);
  return denied(
    way === 'ingress' ? 'network-policy-ingress' : 'network-policy-egress',
    closes.origin,
  );
}

function ruleOpens(
  rule: TrafficRule,
  policy: NetworkPolicy,
  other: NetworkEnd,
  port: NetworkPort,
): Answer {
  if (rule.strange !== undefined) return unknown('field-unknown', rule.strange);
  const peer = rule.peers.length === 0 || some(rule.peers, (one) => isPeer(one, policy, other));
  const ports = rule.ports.length === 0 || some(rule.ports, (one) => holdsPort(one, port));
  return every([peer, ports], (answer) => answer);
}

/** Pods alone are those of the policy's own namespace; with namespaces both must hold. */
function isPeer({ pods, namespaces, block }: Peer, policy: NetworkPolicy, end: NetworkEnd): Answer {
  if (block) {
    const excepted = some(block.except, (one) => inBlock(one, end.address));
    return every([inBlock(block.cidr, end.address), not(excepted)], (answer) => answer);
  }
  const own = isUnknown(end.namespace) ? end.namespace : end.namespace === policy.namespace;
  const inNamespace = namespaces ? selects(namespaces, end.namespaceLabels) : own;
  return every([inNamespace, pods ? selects(pods, end.pod) : true], (answer) => answer);
}

function holdsPort(range: PortRange, { port, names }: NetworkPort): Answer {
  if (range.protocol !== 'TCP') return false;
  if (range.port === undefined) return true;
  if (typeof range.port === 'number') {
    return port >= range.port && port <= (range.endPort ?? range.port);
  }
  if (!names) return unknown('destination-unknown', `which port is called ${range.port}`);
  return names[range.port] === port;
}
