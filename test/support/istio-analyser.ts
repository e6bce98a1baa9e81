// SPDX-License-Identifier: Apache-2.0

/**
 * What istiod's validators and `istioctl analyze` would say, and what a data plane would read in
 * another way than it looks; written from Istio's documents and sources, with its codes.
 */
interface Loose {
  readonly [key: string]: unknown;
}

const HTTP_FIELDS = ['hosts', 'methods', 'paths', 'notHosts', 'notMethods', 'notPaths'];
const IDENTITY = ['principals', 'namespaces', 'serviceAccounts', 'requestPrincipals'];

export function analyse(objects: readonly Loose[]): readonly string[] {
  return objects.flatMap((object) => {
    const spec = read(object, 'spec');
    const name = `${object['kind']}/${text(read(object, 'metadata')['name'])}`;
    const say = (problem: string) => `${name}: ${problem}`;
    switch (object['kind']) {
      case 'AuthorizationPolicy':
        return authorization(spec).map(say);
      case 'PeerAuthentication':
        return peer(spec).map(say);
      case 'RequestAuthentication':
        return tokens(spec).map(say);
      case 'ServiceEntry':
        return entry(spec).map(say);
      case 'Service':
        return ports(spec).map(say);
      case 'DestinationRule':
        return destination(spec).map(say);
      case 'VirtualService':
        return routes(spec, objects).map(say);
      default:
        return [];
    }
  });
}

function authorization(spec: Loose): readonly string[] {
  const action = text(spec['action']) || 'ALLOW';
  const rules = list(spec['rules']);
  const found: string[] = [];
  if (action !== 'ALLOW' && rules.length === 0) found.push('a DENY without rules is refused');
  if (Object.keys(read(spec, 'selector')).length === 0) found.push('no selector: the namespace');
  if (rules.length > 512) found.push('more than 512 rules');
  for (const rule of rules) {
    const sources = list(rule['from']).map((one) => read(one, 'source'));
    const operations = list(rule['to']).map((one) => read(one, 'operation'));
    if ([...sources, ...operations].some((one) => Object.keys(one).length === 0)) {
      found.push('an empty source or operation');
    }
    for (const source of sources) {
      if ('serviceAccounts' in source) found.push('serviceAccounts ignores the trust domain');
      if ('namespaces' in source) found.push('namespaces ignores the trust domain');
      const negative = Object.keys(source).filter((key) => key.startsWith('not'));
      const positive = IDENTITY.some((key) => key in source);
      if (action === 'ALLOW' && negative.length > 0 && !positive) {
        found.push('an ALLOW by exclusion admits callers without identity');
      }
      for (const value of [source['principals'], source['notPrincipals']].flat()) {
        const star = text(value).indexOf('*');
        if (star > 0 && star < text(value).length - 1) found.push(`${value}: a star in the middle`);
      }
    }
    for (const operation of operations) {
      const http = HTTP_FIELDS.some((key) => key in operation);
      if (http && !('ports' in operation)) found.push('HTTP fields without ports');
      if (action === 'DENY' && !('ports' in operation))
        found.push('a DENY without ports (IST0167)');
      for (const port of [operation['ports'] ?? [], operation['notPorts'] ?? []].flat()) {
        if (typeof port !== 'string') found.push('ports are text');
      }
    }
    if (action === 'DENY' && operations.length === 0) found.push('a DENY without ports');
    for (const { key } of list(rule['when'])) {
      const known = /^(request\.auth\.claims\[[^[\]]+\]|source\.(ip|namespace|principal))$/;
      if (!known.test(text(key))) found.push(`${key} is not an attribute`);
    }
  }
  return found;
}

function peer(spec: Loose): readonly string[] {
  const levels = Object.entries(read(spec, 'portLevelMtls'));
  const selector = Object.keys(read(spec, 'selector')).length > 0;
  const weak = levels.filter(([, level]) => text((level as Loose)['mode']) !== 'STRICT');
  return [
    ...(levels.length > 0 && !selector ? ['portLevelMtls needs a selector'] : []),
    ...weak.map(([port]) => `port ${port} is not STRICT`),
  ];
}

function tokens(spec: Loose): readonly string[] {
  return list(spec['jwtRules']).flatMap((rule) => [
    ...(text(rule['issuer']) ? [] : ['a rule without issuer takes any issuer of the key set']),
    ...(list(rule['fromHeaders']).length > 0 ? [] : ['tokens are taken from the address']),
    ...(Array.isArray(rule['audiences']) && rule['audiences'].length > 0 ? [] : ['no audience']),
  ]);
}

function entry(spec: Loose): readonly string[] {
  const tcp = list(spec['ports']).some((port) => text(port['protocol']) === 'TCP');
  const hosts = spec['hosts'] as readonly string[];
  return [
    ...(tcp && !spec['addresses'] ? ['TCP without addresses (IST0134)'] : []),
    ...(hosts.some((host) => host.includes('*') || !host.includes('.')) ? ['not a full name'] : []),
    ...(tcp && hosts.length > 1 ? ['several hosts on one TCP port'] : []),
    ...(JSON.stringify(spec['exportTo']) === '["."]' ? [] : ['seen by every namespace']),
  ];
}

function ports(spec: Loose): readonly string[] {
  return list(spec['ports']).flatMap((port) => {
    const named = /^(tcp|http)(-|$)/.test(text(port['name']));
    return named && port['appProtocol'] ? [] : ['a port without protocol (IST0118)'];
  });
}

function destination(spec: Loose): readonly string[] {
  const tls = read(read(spec, 'trafficPolicy'), 'tls');
  if (text(tls['mode']) !== 'SIMPLE') return [];
  return text(tls['caCertificates']) && text(tls['sni']) ? [] : ['TLS without CA (IST0128)'];
}

function routes(spec: Loose, objects: readonly Loose[]): readonly string[] {
  const known = objects.flatMap((one) => [read(one, 'spec')['hosts'] ?? []].flat()) as unknown[];
  return list(spec['http']).flatMap((http) => {
    const all = list(http['route']);
    const sum = all.reduce((total, { weight }) => total + Number(weight), 0);
    const lost = all.filter((one) => !known.includes(read(one, 'destination')['host']));
    return [
      ...(sum === 100 ? [] : [`the weights are ${sum} in sum`]),
      ...lost.map(() => 'a route to a host that is not declared (IST0101)'),
    ];
  });
}

function read(object: Loose, key: string): Loose {
  return (object[key] ?? {}) as Loose;
}

function list(value: unknown): readonly Loose[] {
  return Array.isArray(value) ? (value as readonly Loose[]) : [];
}

function text(value: unknown): string {
  return typeof value === 'string' ? value : '';
}
