// SPDX-License-Identifier: Apache-2.0
import type { JsonObject, KubeObject } from '../../src/compile/kube/object.ts';
import type { MeshCaller, MeshDestination } from '../../src/prove/mesh/mesh-call.ts';
import { liveMeshObject, type MeshFacts } from '../../src/prove/mesh/mesh-facts.ts';
import { MeshModel } from '../../src/prove/mesh/mesh-model.ts';
import type { MeshVerdict } from '../../src/prove/mesh/mesh-verdict.ts';
import type { Inbound } from './envoy-inbound.ts';
import type { EnvoyCall, MeshEnvoy, Outcome } from './mesh-envoy.ts';
import { SigningKey } from './token-maker.ts';

/** Tokens of a few issuers, for both sides: signed for Envoy, as claims for the model. */
export class TokenIssuers {
  readonly #keys = new Map<string, SigningKey>();
  readonly #stranger = new SigningKey();

  constructor(issuers: readonly string[]) {
    for (const issuer of issuers) this.#keys.set(issuer, new SigningKey());
  }

  get keys(): ReadonlyMap<string, string> {
    return new Map(
      [...this.#keys].map(([issuer, key]) => [issuer, `{"keys": [${JSON.stringify(key.jwk())}]}`]),
    );
  }

  /** `verifies` false: signed with the key of somebody else. */
  token(issuer: string, claims: JsonObject, verifies = true): AskedToken {
    const exp = Math.floor(Date.now() / 1000) + 3600;
    const all = { iss: issuer, exp, ...claims };
    const key = (verifies && this.#keys.get(issuer)) || this.#stranger;
    return { text: key.sign(all), issuer, claims: all, verifies };
  }
}

export interface AskedToken {
  readonly text: string;
  readonly issuer: string;
  readonly claims: JsonObject;
  readonly verifies: boolean;
}

/** One call, to be put to the real proxy and to the model. */
export interface AskedCall {
  /** The name in the certificate; absent: plaintext. */
  readonly spiffeId?: string;
  /** Of 127.0.0.0/8. */
  readonly source?: string;
  readonly token?: AskedToken;
  readonly host?: string;
  readonly path?: string;
  readonly method?: string;
}

/** `payments/checkout`, or with another trust domain `old.example/payments/checkout`. */
export function spiffeId(name: string): string {
  const [account = '', namespace = '', domain = 'cluster.local'] = name.split('/').reverse();
  return `spiffe://${domain}/ns/${namespace}/sa/${account}`;
}

/**
 * Addresses of 127.64.0.0/10, one for each pod: all of them can listen on the same port. Another
 * process has others, up to a thousand each.
 */
export function loopbackAddress(index: number): string {
  const block = process.pid % 4096;
  const third = (block % 64) * 4 + Math.floor(index / 250);
  return `127.${64 + Math.floor(block / 64)}.${third}.${(index % 250) + 1}`;
}

/** Of what the proxy of a pod is told, which is nothing of networks and of callers' own proxies. */
export function modelOf(inbound: Inbound): MeshModel {
  const [trustDomain = '', ...trustDomainAliases] = inbound.names.trustDomains;
  const facts: MeshFacts = {
    cluster: 'prod',
    dataPlane: 'Sidecar',
    version: '1.29',
    trustDomain,
    trustDomainAliases,
    rootNamespace: inbound.names.rootNamespace,
  };
  const objects = inbound.objects
    .filter(({ apiVersion }) => String(apiVersion).startsWith('security.istio.io/'))
    .map((object) => liveMeshObject(object as unknown as KubeObject));
  return new MeshModel(objects, facts);
}

export function modelVerdict(model: MeshModel, inbound: Inbound, asked: AskedCall): MeshVerdict {
  const { spiffeId: id, source = '127.0.0.1', token } = asked;
  const [, , , , namespace = 'nowhere', , serviceAccount = 'nobody'] = (id ?? '').split('/');
  const caller: MeshCaller = {
    cluster: 'prod',
    namespace,
    serviceAccount,
    address: source,
    transport: id === undefined ? 'plaintext' : 'mtls',
    ...(id !== undefined && { spiffeId: id }),
    ...(token && { token }),
  };
  const { labels, port, protocol, address } = inbound;
  const { host = 'api.example', path = '/', method = 'GET' } = asked;
  const destination: MeshDestination = {
    ...{ namespace: inbound.namespace, labels, port, protocol, address },
    ...(protocol === 'http' && { host, path: path.replace(/\?.*/, ''), method }),
  };
  return model.verdict(caller, destination);
}

/** What the caller of a real proxy would see if the model is right; undefined when it is not known. */
export function expectedOutcome(
  { effect, why }: MeshVerdict,
  protocol: 'tcp' | 'http',
): Outcome | undefined {
  if (effect === 'unknown') return undefined;
  if (effect === 'allow') return 'served';
  if (why === 'token-refused') return 'unauthorised';
  const isRule = why === 'deny-rule' || why === 'no-allow-rule';
  return isRule && protocol === 'http' ? 'forbidden' : 'closed';
}

export function envoyOutcome(envoy: MeshEnvoy, inbound: Inbound, asked: AskedCall) {
  const { token, ...rest } = asked;
  const call: EnvoyCall = { ...rest, ...(token && { token: token.text }) };
  return envoy.call(inbound, call);
}

/** Works on all of them, a few at a time. */
export async function inParallel<One>(
  items: readonly One[],
  work: (one: One) => Promise<void>,
  workers = 8,
): Promise<void> {
  const left = [...items];
  await Promise.all(
    Array.from({ length: workers }, async () => {
      for (let next = left.pop(); next !== undefined; next = left.pop()) await work(next);
    }),
  );
}
