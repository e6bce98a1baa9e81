// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../src/compile/kube/object.ts';
import type { Inbound } from './envoy-inbound.ts';
import type { Loose } from './envoy-rbac.ts';
import { type AskedCall, loopbackAddress, spiffeId, type TokenIssuers } from './mesh-agreement.ts';
import type { Random } from './random.ts';

/** Small meshes in which rules and callers meet often. */

const NAMES = ['dev/a', 'dev/b', 'prod/a', 'prod/b', 'old.example/dev/a'];
const PRINCIPALS = [
  ...NAMES.map((name) => spiffeId(name).slice('spiffe://'.length)),
  ...['*', '*', 'cluster.local/*', 'old.example/ns/prod/*', '*/sa/a', '*/ns/dev/sa/b'],
  ...['old.example/ns/dev/sa/b', 'old.example/ns/prod/sa/a'],
  ...[
    'cluster.local/ns/dev/*',
    'evil.example/ns/dev/sa/a',
    '*.local/ns/prod/sa/a',
    'cluster.local',
  ],
];
const NAMESPACES = ['dev', 'prod', 'd*', '*v', '*', 'other'];
const ACCOUNTS = ['dev/a', 'prod/b', 'a', 'data/a'];
const BLOCKS = ['127.1.0.0/16', '127.2.0.5', '127.0.0.0/8', '10.0.0.0/8'];
const SOURCES = ['127.1.0.5', '127.2.0.5', '127.3.0.5'];
const PORTS = ['3306', '8443', '9000'];
const PATHS = ['/a', '/a/*', '*/z', '*', '/b'];
const ASKED_PATHS = ['/a', '/a/x', '/b', '/c/z', '/a/z?q=/b'];
const METHODS = ['GET', 'POST', '*', 'P*'];
const ASKED_METHODS = ['GET', 'POST', 'PUT'];
const HOSTS = ['api.example', '*.example', 'API.*', 'other.org', '*'];
const ASKED_HOSTS = ['api.example', 'Other.org', 'x.example:80'];
export const RANDOM_ISSUERS = ['https://one.example/v2.0', 'https://two.example'];
const AUDIENCES = ['postern', 'api'];
const SUBJECTS = ['me', 'you', 'repo:x/y'];
const REQUEST_PRINCIPALS = [
  ...RANDOM_ISSUERS.flatMap((issuer) => [`${issuer}/me`, `${issuer}/*`, `${issuer}/repo:x/y`]),
  ...['*', '*/me', '*.example/you', 'https://*', 'me', '*u', '*v2.0/me'],
];
const CLAIM_VALUES = ['x', 'y', 'x*', '*y', '*', '1'];
const CLAIMS = ['role', 'groups', 'scope', 'scope', 'absent', 'deep][in'];
const MODES = ['STRICT', 'PERMISSIVE', 'DISABLE', 'UNSET'];

export function randomInbound(random: Random, index: number, issuers: TokenIssuers): Inbound {
  const protocol = random.pick(['tcp', 'http'] as const);
  const objects = [
    ...random.times(random.pick([0, 1, 1, 2, 3]), (at) => policy(random, at)),
    ...peers(random),
    ...(random.chance(0.8) ? [requestAuthentication(random)] : []),
  ];
  return {
    address: loopbackAddress(index),
    port: protocol === 'tcp' ? 3306 : 8443,
    protocol,
    namespace: 'data',
    labels: { app: 'db', tier: 'one' },
    objects,
    names: { rootNamespace: 'istio-system', trustDomains: ['cluster.local', 'old.example'] },
    keys: issuers.keys,
  };
}

function object(kind: string, name: string, namespace: string, spec: Loose): Loose {
  return { apiVersion: 'security.istio.io/v1', kind, metadata: { name, namespace }, spec };
}

function selector(random: Random): Loose {
  const matchLabels = random.pick([{ app: 'db' }, { app: 'db', tier: 'one' }, { app: 'web' }]);
  return random.chance(0.5) ? {} : { selector: { matchLabels } };
}

function policy(random: Random, at: number): Loose {
  const rules = random.times(random.pick([0, 1, 1, 2, 2, 3]), () => rule(random));
  // A DENY without rules is refused by the API server.
  const action = rules.length === 0 ? 'ALLOW' : random.pick(['ALLOW', 'ALLOW', 'DENY']);
  const namespace = random.pick(['data', 'data', 'istio-system', 'elsewhere']);
  return object('AuthorizationPolicy', `p${at}`, namespace, { ...selector(random), action, rules });
}

function rule(random: Random): Loose {
  const from = random.times(random.pick([0, 0, 1, 1, 2]), () => ({ source: source(random) }));
  const to = random.times(random.pick([0, 1, 1, 2]), () => ({ operation: operation(random) }));
  const when = random.times(random.pick([0, 0, 1, 1, 2]), () => condition(random));
  return {
    ...(from.length > 0 && { from }),
    ...(to.length > 0 && { to }),
    ...(when.length > 0 && { when }),
  };
}

/** One to two of the fields, each plain or negated. */
function part(random: Random, fields: Readonly<Record<string, readonly string[]>>): Loose {
  const names = Object.keys(fields);
  const chosen = random.times(random.pick([1, 1, 2]), () => random.pick(names));
  return Object.fromEntries(
    chosen.map((name) => {
      const values = random.some(fields[name] ?? []).slice(0, 3);
      const negated = `not${name.charAt(0).toUpperCase()}${name.slice(1)}`;
      return [random.chance(0.25) ? negated : name, values];
    }),
  );
}

function source(random: Random): Loose {
  const all = {
    ...{ principals: PRINCIPALS, namespaces: NAMESPACES, ipBlocks: BLOCKS },
    ...{ serviceAccounts: ACCOUNTS, requestPrincipals: REQUEST_PRINCIPALS },
  };
  return part(random, all);
}

function operation(random: Random): Loose {
  return part(random, { ports: PORTS, paths: PATHS, methods: METHODS, hosts: HOSTS });
}

function condition(random: Random): Loose {
  const keys: Readonly<Record<string, readonly string[]>> = {
    'source.namespace': NAMESPACES,
    'source.principal': PRINCIPALS,
    'source.ip': BLOCKS,
    'destination.port': PORTS,
    'request.auth.audiences': AUDIENCES,
    'request.auth.principal': REQUEST_PRINCIPALS,
    ...Object.fromEntries(CLAIMS.map((name) => [`request.auth.claims[${name}]`, CLAIM_VALUES])),
  };
  const claims = CLAIMS.map((name) => `request.auth.claims[${name}]`);
  const key = random.pick([...Object.keys(keys), ...claims]);
  const values = random.some(keys[key] ?? []).slice(0, 3);
  return { key, [random.chance(0.25) ? 'notValues' : 'values']: values };
}

/** At most one of a scope: which of two is older nobody could tell. */
function peers(random: Random): readonly Loose[] {
  const mtls = () => ({ mtls: { mode: random.pick(MODES) } });
  const scopes = [
    () => object('PeerAuthentication', 'mesh', 'istio-system', mtls()),
    () => object('PeerAuthentication', 'space', 'data', mtls()),
    () => {
      const ports = { portLevelMtls: { [random.pick(PORTS)]: { mode: random.pick(MODES) } } };
      const own = { selector: { matchLabels: { app: 'db' } }, ...mtls() };
      return object('PeerAuthentication', 'own', 'data', {
        ...own,
        ...(random.chance(0.6) && ports),
      });
    },
  ];
  return scopes.flatMap((make) => (random.chance(0.3) ? [make()] : []));
}

function requestAuthentication(random: Random): Loose {
  const jwtRules = random.some(RANDOM_ISSUERS).map((issuer) => ({
    issuer,
    ...(random.chance(0.8) && { audiences: random.some(AUDIENCES) }),
    ...(random.chance(0.3) && { spaceDelimitedClaims: ['role'] }),
    ...random.pick([
      ...[{ fromHeaders: [{ name: 'Authorization', prefix: 'Bearer ' }] }, {}, {}],
      { fromHeaders: [{ name: 'x-token' }] },
    ]),
  }));
  const namespace = random.pick(['data', 'data', 'istio-system']);
  const own = random.chance(0.3) ? selector(random) : {};
  return object('RequestAuthentication', 't', namespace, { ...own, jwtRules });
}

export function randomCall(random: Random, issuers: TokenIssuers): AskedCall {
  const name = random.pick([...NAMES, 'evil.example/dev/a', '', '']);
  return {
    ...(name !== '' && { spiffeId: spiffeId(name) }),
    source: random.pick(SOURCES),
    path: random.pick(ASKED_PATHS),
    method: random.pick(ASKED_METHODS),
    host: random.pick(ASKED_HOSTS),
    ...(random.chance(0.7) && { token: randomToken(random, issuers) }),
  };
}

function randomToken(random: Random, issuers: TokenIssuers) {
  const issuer = random.pick([...RANDOM_ISSUERS, ...RANDOM_ISSUERS, 'https://three.example']);
  const claims: JsonObject = {
    aud: random.pick(['postern', 'postern', 'api', 'other', ['other', 'api']]),
    ...(random.chance(0.8) && { sub: random.pick(SUBJECTS) }),
    ...(random.chance(0.5) && { role: random.pick(['x', 'y', 'x y', 'xy', 1, true]) }),
    ...(random.chance(0.5) && { groups: random.pick([['x'], ['z', 'xy'], [1], []]) }),
    ...(random.chance(0.4) && { scope: random.pick(['x y', 'z', '']) }),
    ...(random.chance(0.3) && { deep: random.pick([{ in: 'x' }, { in: ['y'] }, 'x']) }),
  };
  return issuers.token(issuer, claims, random.chance(0.9));
}
