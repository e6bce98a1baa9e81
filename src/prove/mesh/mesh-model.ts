// SPDX-License-Identifier: Apache-2.0
import { isUnknown, type Unknown, unknown } from './answer.ts';
import { authorize } from './authorization.ts';
import { allowed, denied, undecided } from './finding.ts';
import type { MeshCaller, MeshDestination } from './mesh-call.ts';
import type { MeshFacts, MeshObject } from './mesh-facts.ts';
import { type Concerned, MeshObjects } from './mesh-objects.ts';
import type { MeshVerdict } from './mesh-verdict.ts';
import { callerEnd, destinationEnd, podOf } from './network-end.ts';
import { closedBy } from './network-policy.ts';
import { portMode } from './peer-authentication.ts';
import { isOutsideMesh } from './pod-facts.ts';
import { judgeToken } from './request-authentication.ts';
import type { ResolvedCall } from './resolved-call.ts';
import { keptIn } from './sidecar-egress.ts';

/** ztunnel carries what has a certificate over this port of the pod. */
const HBONE_PORT = 15_008;

/**
 * One cluster's mesh as Istio reads its objects. Pure: the same objects, facts and call give the
 * same verdict. What it does not understand and what might decide is `unknown`; a denial that does
 * not depend on it stays one.
 */
export class MeshModel {
  readonly facts: MeshFacts;
  readonly #objects: MeshObjects;

  constructor(objects: readonly MeshObject[], facts: MeshFacts) {
    this.facts = facts;
    this.#objects = new MeshObjects(objects, facts);
  }

  /** A definite denial, else what is not known, else who lets the call in. */
  verdict(caller: MeshCaller, destination: MeshDestination): MeshVerdict {
    const concerned = this.#objects.concerning(destination);
    const proxy = this.#proxy(caller, destination, concerned);
    const found = [
      this.#network('egress', caller, destination, concerned),
      this.#network('ingress', caller, destination, concerned),
      proxy,
      stranger(concerned),
    ].filter((one) => one !== undefined);
    const effective =
      found.find(({ effect }) => effect === 'deny') ??
      found.find(({ effect }) => effect === 'unknown') ??
      proxy;
    if (effective.effect !== 'allow') return effective;
    return this.#egress(caller, destination) ?? effective;
  }

  #network(
    way: 'ingress' | 'egress',
    caller: MeshCaller,
    destination: MeshDestination,
    { portNames, templates }: Concerned,
  ): MeshVerdict | undefined {
    // The policies of another cluster are not known, and are no bound of this one.
    if (way === 'egress' && caller.cluster !== this.facts.cluster) return undefined;
    const [from, to] = [callerEnd(caller, this.facts), destinationEnd(destination, this.facts)];
    const [own, other, namespace] =
      way === 'egress' ? [from, to, caller.namespace] : [to, from, destination.namespace];
    const isTunnelled =
      this.facts.dataPlane === 'Ambient' &&
      caller.transport === 'mtls' &&
      !isOutsideMesh(destination, templates, this.facts);
    const port = isTunnelled
      ? { port: HBONE_PORT, names: {} }
      : { port: destination.port, ...(portNames && { names: portNames }) };
    return closedBy(way, this.#objects.networkPoliciesOf(namespace), own, other, port);
  }

  /** What the sidecar or ztunnel of the destination says. */
  #proxy(caller: MeshCaller, destination: MeshDestination, concerned: Concerned): MeshVerdict {
    const { peers, tokens, policies, templates } = concerned;
    if (isOutsideMesh(destination, templates, this.facts)) return allowed('outside-mesh');
    const isAmbient = this.facts.dataPlane === 'Ambient';
    const port = portMode(peers, destination, this.#objects.rootNamespace, isAmbient);
    if (isUnknown(port)) return undecided(port, port.origin);
    if (port.mode === 'STRICT' && caller.transport === 'plaintext') {
      return denied('plaintext-refused', port.origin);
    }
    // To a port without TLS the caller's own sidecar sends plaintext.
    const shows = caller.transport === 'mtls' && port.mode !== 'DISABLE';
    const principal = shows ? this.#principal(caller) : undefined;
    const foreign = this.#foreign(principal, isAmbient);
    if (foreign?.effect === 'deny') return foreign;
    const isRequest = destination.protocol === 'http' && !isAmbient;
    const token = judgeToken(tokens, isRequest ? caller.token : undefined);
    if (token.kind === 'refused') return denied('token-refused', token.origin);
    const call: ResolvedCall = {
      ...(principal !== undefined && { principal }),
      address: caller.address ?? unknown('caller-unknown', "the caller's address"),
      ...(token.kind === 'verified' && { claims: token.claims }),
      ...(token.kind === 'unknown' && { claims: token.unknown }),
      destination,
      trustDomains: [this.facts.trustDomain, ...this.facts.trustDomainAliases],
      minor: Number(/^1\.(\d+)/.exec(this.facts.version)?.[1] ?? 0),
    };
    const found = authorize(policies, isAmbient ? 'ztunnel' : 'envoy', call);
    if (found.effect !== 'allow') return found;
    if (foreign) return foreign;
    return token.kind === 'unknown' ? undecided(token.unknown, token.origin) : found;
  }

  #principal({ cluster, namespace, serviceAccount, spiffeId }: MeshCaller): string | Unknown {
    if (spiffeId !== undefined) return spiffeId;
    if (cluster !== this.facts.cluster) {
      return unknown('caller-unknown', 'the name of a caller of another cluster');
    }
    return `spiffe://${this.facts.trustDomain}/ns/${namespace}/sa/${serviceAccount}`;
  }

  /** A certificate under a name that is none of the mesh's is refused in the handshake. */
  #foreign(principal: string | Unknown | undefined, isAmbient: boolean): MeshVerdict | undefined {
    if (principal === undefined) return undefined;
    if (isUnknown(principal)) return undecided(principal);
    const { trustDomain, trustDomainAliases } = this.facts;
    const isUnder = (domain: string) => principal.startsWith(`spiffe://${domain}/`);
    if (isUnder(trustDomain)) return undefined;
    if (!trustDomainAliases.some(isUnder)) return denied('trust-domain-refused');
    if (!isAmbient) return undefined;
    return undecided(unknown('version-unknown', 'aliases of the trust domain at ztunnel'));
  }

  #egress(caller: MeshCaller, { host }: MeshDestination): MeshVerdict | undefined {
    const { dataPlane, cluster } = this.facts;
    const hasSidecar = dataPlane === 'Sidecar' && caller.transport === 'mtls';
    if (!hasSidecar || caller.cluster !== cluster) return undefined;
    const from = { namespace: caller.namespace, pod: podOf(caller) };
    return keptIn(from, host, this.#objects.sidecars, this.#objects.hosts, this.facts);
  }
}

function stranger({ stranger: found }: Concerned): MeshVerdict | undefined {
  return found && undecided(found.what, { from: found.from, path: 'spec' });
}
