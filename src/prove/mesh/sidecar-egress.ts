// SPDX-License-Identifier: Apache-2.0
import { isUnknown, unknown } from './answer.ts';
import { denied, type Origin, undecided } from './finding.ts';
import { type KnownLabels, selects } from './label-selector.ts';
import type { MeshFacts, MeshObject } from './mesh-facts.ts';
import type { MeshVerdict } from './mesh-verdict.ts';
import { ObjectFields } from './object-fields.ts';

/** A Sidecar object: what the sidecars it selects know of, and let out. */
export interface SidecarEgress {
  readonly from: MeshObject;
  readonly namespace: string;
  readonly selector: Readonly<Record<string, string>>;
  /** `namespace/name` each; absent: everything that the namespace sees. */
  readonly hosts?: readonly string[];
  readonly mode?: string;
  /** It says how its own pods are reached, which may go around what is counted here. */
  readonly hasIngress: boolean;
  readonly strange?: string;
}

/** A host outside the cluster, as a ServiceEntry makes it known. */
export interface KnownHost {
  readonly namespace: string;
  readonly hosts: readonly string[];
  readonly exportTo: readonly string[];
}

export function readSidecar(from: MeshObject): SidecarEgress {
  const spec = new ObjectFields(from.object['spec'], 'spec');
  const egress = spec.objects('egress').flatMap((one) => one.texts('hosts'));
  const mode = spec.object('outboundTrafficPolicy').text('mode');
  const selector = spec.object('workloadSelector').map('labels');
  const hasIngress = spec.has('ingress');
  spec.ignore('inboundConnectionPool');
  const strange = spec.strange();
  return {
    from,
    namespace: from.object.metadata.namespace ?? '',
    selector,
    hasIngress,
    ...(egress.length > 0 && { hosts: egress }),
    ...(mode !== undefined && { mode }),
    ...(strange !== undefined && { strange }),
  };
}

export function readServiceEntry(from: MeshObject): KnownHost {
  const spec = new ObjectFields(from.object['spec'], 'spec');
  const exportTo = spec.texts('exportTo');
  return {
    namespace: from.object.metadata.namespace ?? '',
    hosts: spec.texts('hosts'),
    exportTo: exportTo.length > 0 ? exportTo : ['*'],
  };
}

/**
 * What keeps the caller's sidecar from sending to the host, or undefined. Only a REGISTRY_ONLY
 * sidecar does: another passes what it does not know through.
 */
export function keptIn(
  caller: { readonly namespace: string; readonly pod: KnownLabels },
  host: string | undefined,
  sidecars: readonly SidecarEgress[],
  known: readonly KnownHost[],
  facts: MeshFacts,
): MeshVerdict | undefined {
  const { rootNamespace = 'istio-system', outboundTrafficPolicy = 'ALLOW_ANY' } = facts;
  const own = chosen(caller, sidecars, rootNamespace);
  if (own && 'effect' in own) return own;
  if (own?.strange !== undefined) {
    return undecided(unknown('field-unknown', own.strange), { from: own.from, path: 'spec' });
  }
  const mode = own?.mode ?? outboundTrafficPolicy;
  if (mode !== 'REGISTRY_ONLY') return undefined;
  const origin: Origin | undefined = own && { from: own.from, path: 'spec' };
  if (host === undefined) {
    return undecided(unknown('destination-unknown', 'the name that is dialled'), origin);
  }
  const home = homeOf(host, caller.namespace, known);
  const isListed = (own?.hosts ?? ['*/*']).some((entry) =>
    lists(entry, home, host, caller.namespace),
  );
  return home !== undefined && isListed ? undefined : denied('egress-registry', origin);
}

/** The one with a selector for the pod, else its namespace's, else the mesh's. */
function chosen(
  { namespace, pod }: { readonly namespace: string; readonly pod: KnownLabels },
  sidecars: readonly SidecarEgress[],
  root: string,
): SidecarEgress | MeshVerdict | undefined {
  const near = sidecars.filter((one) => one.namespace === namespace);
  for (const one of near.filter(({ selector }) => Object.keys(selector).length > 0)) {
    const requirements = Object.entries(one.selector).map(([key, value]) => {
      return { key, operator: 'In', values: [value] };
    });
    const selected = selects({ requirements }, pod);
    if (selected === true) return one;
    if (isUnknown(selected)) return undecided(selected, { from: one.from, path: 'spec' });
  }
  const whole = ({ selector }: SidecarEgress) => Object.keys(selector).length === 0;
  return near.find(whole) ?? sidecars.filter((one) => one.namespace === root).find(whole);
}

/** The namespace a name belongs to; undefined: nobody in the mesh has it. */
function homeOf(
  host: string,
  callerNamespace: string,
  known: readonly KnownHost[],
): string | undefined {
  const service = /^[^.]+\.([^.]+)\.svc(\.|$)/.exec(host)?.[1];
  if (service !== undefined) return service;
  const entry = known.find(
    ({ hosts, exportTo, namespace }) =>
      hosts.some((one) => isHost(one, host)) &&
      exportTo.some((to) => to === '*' || (to === '.' ? namespace : to) === callerNamespace),
  );
  return entry?.namespace;
}

function lists(entry: string, home: string | undefined, host: string, own: string): boolean {
  const slash = entry.indexOf('/');
  const [space, name] = [entry.slice(0, slash), entry.slice(slash + 1)];
  const inSpace = space === '*' || home === (space === '.' ? own : space);
  return inSpace && space !== '~' && isHost(name, host);
}

function isHost(pattern: string, host: string): boolean {
  return (
    pattern === '*' ||
    pattern === host ||
    (pattern.startsWith('*.') && host.endsWith(pattern.slice(1)))
  );
}
