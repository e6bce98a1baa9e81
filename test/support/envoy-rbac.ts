// SPDX-License-Identifier: Apache-2.0

/**
 * AuthorizationPolicies as rules of Envoy's RBAC filters, as istiod writes them; read from Istio's
 * sources (pilot/pkg/security/authz and trustdomain), and not from the model that it is to judge.
 */
export interface Loose {
  readonly [key: string]: unknown;
}

export interface MeshNames {
  readonly rootNamespace: string;
  /** The trust domain and its aliases. */
  readonly trustDomains: readonly string[];
}

interface Item {
  readonly key: string;
  readonly values: readonly string[];
  readonly notValues: readonly string[];
}

/** What cannot be said of bytes. */
class HttpOnly extends Error {}

/** The `rules` of a filter of one action; undefined: no such filter. */
export function rbacRules(
  policies: readonly Loose[],
  action: 'ALLOW' | 'DENY',
  forTcp: boolean,
  names: MeshNames,
): Loose | undefined {
  const own = policies.filter((policy) => {
    const annotations = at(at(policy, 'metadata'), 'annotations');
    const isDryRun = annotations['istio.io/dry-run'] === 'true';
    return (at(policy, 'spec')['action'] ?? 'ALLOW') === action && !isDryRun;
  });
  if (own.length === 0) return undefined;
  const written: Record<string, Loose> = {};
  for (const policy of own) {
    const { name, namespace } = at(policy, 'metadata');
    const rules = list(at(policy, 'spec')['rules']);
    for (const [index, rule] of rules.entries()) {
      const generated = generate(rule, action, forTcp, String(namespace), names);
      if (generated) written[`ns[${namespace}]-policy[${name}]-rule[${index}]`] = generated;
    }
    if (rules.length === 0) written[`ns[${namespace}]-policy[${name}]-rule[0]`] = NEVER;
  }
  return { action, policies: written };
}

const NEVER: Loose = {
  permissions: [{ not_rule: { any: true } }],
  principals: [{ not_id: { any: true } }],
};

function generate(
  rule: Loose,
  action: 'ALLOW' | 'DENY',
  forTcp: boolean,
  namespace: string,
  names: MeshNames,
): Loose | undefined {
  const when = list(rule['when']).map(({ key, values, notValues }) =>
    item(String(key), values, notValues),
  );
  const isPermission = ({ key }: Item) => /^(destination\.|connection\.)/.test(key);
  const sources = list(rule['from']).map((one) => fields(at(one, 'source'), SOURCE));
  const operations = list(rule['to']).map((one) => fields(at(one, 'operation'), OPERATION));
  const base = (wanted: boolean) => when.filter((one) => isPermission(one) === wanted);
  const groups = (all: readonly (readonly Item[])[], more: readonly Item[]) =>
    all.length === 0 ? [more] : all.map((one) => [...one, ...more]);
  const context = { action, forTcp, namespace, names };
  try {
    return {
      permissions: groups(operations, base(true)).map((items) => {
        const parts = items.flatMap((one) => both(one, permission, context, 'rules', 'not_rule'));
        return { and_rules: { rules: parts.length > 0 ? parts : [{ any: true }] } };
      }),
      principals: groups(sources, base(false)).map((items) => {
        const parts = items.flatMap((one) => both(one, principal, context, 'ids', 'not_id'));
        return { and_ids: { ids: parts.length > 0 ? parts : [{ any: true }] } };
      }),
    };
  } catch (thrown) {
    if (thrown instanceof HttpOnly) return undefined;
    throw thrown;
  }
}

interface Context {
  readonly action: 'ALLOW' | 'DENY';
  readonly forTcp: boolean;
  readonly namespace: string;
  readonly names: MeshNames;
}

type Generator = (key: string, value: string, context: Context) => Loose;

/** The values ORed, and not any of the others. In a DENY what cannot be said is left out. */
function both(
  { key, values, notValues }: Item,
  make: Generator,
  context: Context,
  many: 'rules' | 'ids',
  negated: 'not_rule' | 'not_id',
): readonly Loose[] {
  const said = (some: readonly string[]): readonly Loose[] =>
    migrated(key, some, context.names).flatMap((value) => {
      try {
        return [make(key, value, context)];
      } catch (thrown) {
        if (context.action === 'ALLOW' || !(thrown instanceof HttpOnly)) throw thrown;
        return [];
      }
    });
  const or = (parts: readonly Loose[]): Loose => ({ [`or_${many}`]: { [many]: parts } });
  const [positive, negative] = [said(values), said(notValues)];
  return [
    ...(positive.length > 0 ? [or(positive)] : []),
    ...(negative.length > 0 ? [{ [negated]: or(negative) }] : []),
  ];
}

function permission(key: string, value: string, { forTcp }: Context): Loose {
  switch (key) {
    case 'destination.port':
      return { destination_port: Number(value) };
    case 'destination.ip':
      return { destination_ip: range(value) };
  }
  if (forTcp) throw new HttpOnly(key);
  switch (key) {
    case 'path':
      return { url_path: { path: text(value) } };
    case 'method':
      return { header: header(':method', value, false) };
    case 'host':
      return { header: header(':authority', value, true) };
    default:
      throw new TypeError(`no permission is made of ${key}`);
  }
}

function principal(key: string, value: string, { forTcp, namespace }: Context): Loose {
  switch (key) {
    case 'source.principal':
      return named(text(value, 'spiffe://'));
    case 'source.namespace':
      return named(regex(`.*/ns/${value.replaceAll('*', '.*')}/.*`));
    case 'source.serviceAccount': {
      const [first = '', second] = value.split('/');
      const [space, account] = second === undefined ? [namespace, first] : [first, second];
      return named(regex(`spiffe://.+/ns/${space}/(.+/|)sa/${account}(/.+)?`));
    }
    case 'source.ip':
      return { direct_remote_ip: range(value) };
    case 'remote.ip':
      return { remote_ip: range(value) };
  }
  if (forTcp) throw new HttpOnly(key);
  if (key === 'request.auth.principal') return requestPrincipal(value);
  const header = /^request\.headers\[(.+)\]$/.exec(key)?.[1];
  if (header !== undefined) return { header: { name: header, string_match: text(value) } };
  const claims = /^request\.auth\.claims\[(.+)\]$/.exec(key)?.[1]?.split('][');
  const short = { 'request.auth.audiences': ['aud'], 'request.auth.presenter': ['azp'] }[key];
  const path = claims ?? short;
  if (!path) throw new TypeError(`no principal is made of ${key}`);
  const one = { string_match: text(value) };
  return claim(path, { or_match: { value_matchers: [one, { list_match: { one_of: one } }] } });
}

/** Cut at the last slash. */
function requestPrincipal(value: string): Loose {
  const any = regex('.+');
  const slash = value.lastIndexOf('/');
  const [issuer, subject] =
    slash < 0 ? [value, ''] : [value.slice(0, slash), value.slice(slash + 1)];
  let pair: readonly [Loose, Loose] = [{ exact: issuer }, { exact: subject }];
  if (value === '*') pair = [any, any];
  else if (value.startsWith('*')) {
    if (slash < 0) pair = [any, { suffix: value.slice(1) }];
    else pair = [issuer === '*' ? any : { suffix: issuer.slice(1) }, { exact: subject }];
  } else if (value.endsWith('*')) {
    if (slash < 0) pair = [{ prefix: value.slice(0, -1) }, any];
    else pair = [{ exact: issuer }, subject === '*' ? any : { prefix: subject.slice(0, -1) }];
  }
  const ids = [
    claim(['iss'], { string_match: pair[0] }),
    claim(['sub'], { string_match: pair[1] }),
  ];
  return { and_ids: { ids } };
}

function claim(path: readonly string[], value: Loose): Loose {
  const keys = ['payload', ...path].map((key) => ({ key }));
  return { metadata: { filter: 'envoy.filters.http.jwt_authn', path: keys, value } };
}

/** Principals of five parts under a name of the mesh, or `cluster.local`, once for each name. */
function migrated(key: string, values: readonly string[], { trustDomains }: MeshNames) {
  if (key !== 'source.principal') return values;
  return values.flatMap((value) => {
    const parts = value.split('/');
    const domain = parts[0] ?? '';
    if (parts.length !== 5 || domain === '*') return [value];
    const matches = (one: string, pattern: string) =>
      one === pattern ||
      (pattern.endsWith('*') && one.startsWith(pattern.slice(0, -1))) ||
      (pattern.startsWith('*') && one.endsWith(pattern.slice(1)));
    const isMesh = trustDomains.some((own) => matches(domain, own) || matches(own, domain));
    if (!isMesh && domain !== 'cluster.local') return [value];
    const spelt = trustDomains.map((own) => {
      const keeps = domain.startsWith('*') && own.endsWith(domain.slice(1));
      return keeps ? value : [own, ...parts.slice(1)].join('/');
    });
    return [...new Set(spelt)];
  });
}

const SOURCE: Readonly<Record<string, string>> = {
  ipBlocks: 'source.ip',
  remoteIpBlocks: 'remote.ip',
  namespaces: 'source.namespace',
  serviceAccounts: 'source.serviceAccount',
  requestPrincipals: 'request.auth.principal',
  principals: 'source.principal',
};
const OPERATION: Readonly<Record<string, string>> = {
  ports: 'destination.port',
  paths: 'path',
  methods: 'method',
  hosts: 'host',
};

function fields(part: Loose, names: Readonly<Record<string, string>>): readonly Item[] {
  return Object.entries(names).map(([field, key]) => {
    const twin = `not${field.charAt(0).toUpperCase()}${field.slice(1)}`;
    return item(key, part[field], part[twin]);
  });
}

function item(key: string, values: unknown, notValues: unknown): Item {
  return { key, values: texts(values), notValues: texts(notValues) };
}

const named = (principalName: Loose): Loose => ({
  authenticated: { principal_name: principalName },
});
const regex = (expression: string): Loose => ({ safe_regex: { regex: expression } });

function text(value: string, before = ''): Loose {
  if (value === '*') return regex('.+');
  if (value.startsWith('*')) {
    return before === '' ? { suffix: value.slice(1) } : regex(`${before}.*${value.slice(1)}`);
  }
  if (value.endsWith('*')) return { prefix: before + value.slice(0, -1) };
  return { exact: before + value };
}

function header(name: string, value: string, ignoreCase: boolean): Loose {
  if (value === '*') return { name, present_match: true };
  return { name, string_match: { ...text(value), ...(ignoreCase && { ignore_case: true }) } };
}

function range(block: string): Loose {
  const [address = '', length] = block.split('/');
  return { address_prefix: address, prefix_len: length === undefined ? 32 : Number(length) };
}

export function at(object: Loose, key: string): Loose {
  return (object[key] ?? {}) as Loose;
}

export function list(value: unknown): readonly Loose[] {
  return Array.isArray(value) ? (value as readonly Loose[]) : [];
}

export function texts(value: unknown): readonly string[] {
  return Array.isArray(value) ? (value as readonly string[]) : [];
}
