// SPDX-License-Identifier: Apache-2.0
import { isUnknown, type Unknown, unknown } from './answer.ts';
import type { Origin } from './finding.ts';
import { selectsLabels } from './label-selector.ts';
import type { MeshDestination } from './mesh-call.ts';
import type { Labels, MeshObject } from './mesh-facts.ts';
import { ObjectFields } from './object-fields.ts';

export type MtlsMode = 'STRICT' | 'PERMISSIVE' | 'DISABLE';
type WrittenMode = MtlsMode | 'UNSET';

export interface PeerAuthentication {
  readonly from: MeshObject;
  readonly namespace: string;
  readonly selector: Labels;
  readonly mode: WrittenMode;
  readonly ports: ReadonlyMap<number, WrittenMode>;
  readonly strange?: string;
}

/** The mode of a port, and the object that says so; none: the default, PERMISSIVE. */
export interface PortMode {
  readonly mode: MtlsMode;
  readonly origin?: Origin;
}

export function readPeerAuthentication(from: MeshObject): PeerAuthentication {
  const spec = new ObjectFields(from.object['spec'], 'spec');
  const levels = spec.object('portLevelMtls');
  let strangeMode: string | undefined;
  const modeOf = (fields: ObjectFields): WrittenMode => {
    const text = fields.text('mode') ?? 'UNSET';
    const mode = MODES.find((one) => one === text);
    if (!mode) strangeMode ??= `${fields.path}/mode`;
    return mode ?? 'UNSET';
  };
  const peer = {
    from,
    namespace: from.object.metadata.namespace ?? '',
    selector: spec.object('selector').map('matchLabels'),
    mode: modeOf(spec.object('mtls')),
    ports: new Map(levels.keys().map((port) => [Number(port), modeOf(levels.object(port))])),
  };
  const strange = spec.strange() ?? strangeMode;
  return { ...peer, ...(strange !== undefined && { strange }) };
}

const MODES = ['UNSET', 'STRICT', 'PERMISSIVE', 'DISABLE'] as const;

interface Scopes {
  readonly mesh?: PeerAuthentication;
  readonly namespace?: PeerAuthentication;
  readonly workload?: PeerAuthentication;
}

/** The narrowest scope decides; what is unset is taken from the wider one. */
export function portMode(
  peers: readonly PeerAuthentication[],
  { namespace, labels, port }: MeshDestination,
  rootNamespace: string,
  isAmbient: boolean,
): PortMode | (Unknown & { readonly origin: Origin }) {
  const scopes: { -readonly [Scope in keyof Scopes]: Scopes[Scope] } = {};
  for (const scope of ['mesh', 'namespace', 'workload'] as const) {
    const found = oldest(
      peers
        .filter((peer) => scopeOf(peer, rootNamespace) === scope)
        .filter((peer) => scope === 'mesh' || peer.namespace === namespace)
        .filter(({ selector }) => selectsLabels(selector, labels)),
    );
    if (isUnknown(found)) return found;
    if (found?.strange !== undefined)
      return { ...unknown('field-unknown', found.strange), origin: at(found, 'spec') };
    if (found) scopes[scope] = found;
  }
  return isAmbient ? atZtunnel(scopes, port) : atSidecar(scopes, port);
}

/** Without a selector a policy is for its namespace, or in the root namespace for the mesh. */
function scopeOf({ selector, namespace }: PeerAuthentication, root: string) {
  if (Object.keys(selector).length > 0) return namespace === root ? 'ignored' : 'workload';
  return namespace === root ? 'mesh' : 'namespace';
}

/** Of several of one scope the oldest counts; rendered objects have no age. */
function oldest(
  peers: readonly PeerAuthentication[],
): PeerAuthentication | undefined | (Unknown & { readonly origin: Origin }) {
  const [first, ...others] = peers;
  if (!first || others.length === 0) return first;
  const created = (peer: PeerAuthentication): string => {
    const { metadata } = peer.from.object;
    const at = (metadata as { creationTimestamp?: unknown }).creationTimestamp;
    return typeof at === 'string' ? at : '';
  };
  const dated = peers.map((peer) => ({ peer, date: created(peer) }));
  const sorted = dated.sort((a, b) => (a.date < b.date ? -1 : Number(a.date > b.date)));
  const [one, next] = sorted;
  if (one && next && one.date !== '' && one.date !== next.date) return one.peer;
  const detail = 'several PeerAuthentications of one scope, and which is older is not known';
  return { ...unknown('field-unknown', detail), origin: at(first, 'spec') };
}

function at(peer: PeerAuthentication, path: string): Origin {
  return { from: peer.from, path };
}

function inherited({ mesh, namespace }: Scopes): PortMode {
  for (const peer of [namespace, mesh]) {
    if (peer && peer.mode !== 'UNSET') return { mode: peer.mode, origin: at(peer, 'spec/mtls') };
  }
  return { mode: 'PERMISSIVE' };
}

function atSidecar(scopes: Scopes, port: number): PortMode {
  const { workload } = scopes;
  const own = workload?.ports.get(port);
  if (workload && own !== undefined && own !== 'UNSET') {
    return { mode: own, origin: at(workload, `spec/portLevelMtls/${port}`) };
  }
  if (workload && workload.mode !== 'UNSET') {
    return { mode: workload.mode, origin: at(workload, 'spec/mtls') };
  }
  return inherited(scopes);
}

/**
 * istiod turns modes into DENY rules for ztunnel, which never sends plaintext where the caller has
 * a certificate: DISABLE is PERMISSIVE there. Two combinations come out otherwise than they read.
 */
function atZtunnel(
  scopes: Scopes,
  port: number,
): PortMode | (Unknown & { readonly origin: Origin }) {
  const { workload, namespace, mesh } = scopes;
  const above = inherited(scopes);
  const modes = [...(workload?.ports.values() ?? [])];
  if (workload?.mode === 'UNSET' && above.mode === 'STRICT' && modes.length > 0) {
    const hasPermissive = modes.includes('PERMISSIVE');
    // DISABLE alone is not looked for there, and the port stays STRICT.
    if (!hasPermissive) return above;
    if (namespace?.mode === 'UNSET' && mesh?.mode === 'STRICT') {
      const detail = 'port modes below a namespace without one and a STRICT mesh';
      return { ...unknown('version-unknown', detail), origin: at(workload, 'spec/portLevelMtls') };
    }
  }
  const found = atSidecar(scopes, port);
  return found.mode === 'DISABLE' ? { ...found, mode: 'PERMISSIVE' } : found;
}
