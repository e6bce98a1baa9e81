// SPDX-License-Identifier: Apache-2.0
import type { RuleReference } from '../../src/model/decision.ts';
import type {
  AgentPrincipal,
  CiPrincipal,
  UserPrincipal,
  WorkloadPrincipal,
} from '../../src/model/principal.ts';
import type { Action, Need } from '../../src/model/request.ts';
import type {
  Cluster,
  DataRole,
  Deny,
  Grant,
  Guardrails,
  IdentityProvider,
  ObjectPattern,
  Policy,
  Privilege,
  ServiceClass,
  SubjectMatcher,
  Target,
} from '../../src/policy/policy.ts';

/** Policies by hand, for tests that are not about reading declarations. */

export const ORDERS = 'data-orders/orders';
export const HOUR_MS = 3_600_000;

let line = 0;

export function reference(name: string): RuleReference {
  line += 1;
  return { name, position: { file: 'policy.yaml', line, column: 1 } };
}

export function cluster(name: string, over: Partial<Cluster> = {}): Cluster {
  return {
    rule: reference(`Cluster/${name}`),
    name,
    labels: {},
    trustDomain: `${name}.local`,
    trustDomainAliases: [],
    bundle: { from: 'file', path: 'root.pem' },
    namespaces: new Map(),
    ...over,
  };
}

export function provider(name: string, over: Partial<IdentityProvider> = {}): IdentityProvider {
  return {
    rule: reference(`IdentityProvider/${name}`),
    name,
    preset: 'generic',
    issuers: [`https://${name}.example`],
    audiences: ['postern'],
    sessionMaxMs: HOUR_MS,
    claims: { subject: 'sub' },
    makes: 'user',
    ...over,
  };
}

export function target(id = ORDERS, over: Partial<Target> = {}): Target {
  const [namespace = '', name = ''] = id.split('/');
  return {
    rule: reference(`Target/${id}`),
    id,
    namespace,
    name,
    labels: { env: 'prod' },
    expose: { port: 3306, hostnames: [] },
    enforcement: 'Enforce',
    audit: { statements: 'Text', parameters: 'None', retentionMs: 0 },
    system: {
      type: 'mariadb',
      endpoints: [{ host: 'db.example', port: 3306, role: 'Primary' }],
      tls: { mode: 'verified', ca: { from: 'file', path: 'ca.pem' } },
      broker: { user: 'postern_broker', password: { from: 'env', name: 'BROKER_PASSWORD' } },
      schemas: ['shop'],
      operators: [],
      caseInsensitiveNames: false,
    },
    ...over,
  };
}

/** `shop.orders`, `shop.*`, `shop.refund()`. */
export function pattern(text: string): ObjectPattern {
  const [schema = '', name = ''] = text.split('.');
  if (name === '*') return { type: 'schema', schema };
  if (name.endsWith('()')) return { type: 'routine', schema, name: name.slice(0, -2) };
  return { type: 'table', schema, name };
}

/** `select shop.orders`. */
export function need(text: string): Need {
  const [action, object = ''] = text.split(' ');
  return { action: action as Action, object: pattern(object) };
}

/** `select,insert shop.orders shop.customers`. */
export function privilege(text: string, over: Partial<Privilege> = {}): Privilege {
  const [actions = '', ...objects] = text.split(' ');
  return {
    objects: objects.map(pattern),
    actions: new Set(actions.split(',') as Action[]),
    rule: reference('DataRole'),
    ...over,
  };
}

export function role(
  id: string,
  privileges: readonly (string | Privilege)[],
  guardrails: Partial<Guardrails> = {},
): DataRole {
  return {
    rule: reference(`DataRole/${id}`),
    id,
    name: id.split('/')[1] ?? id,
    builtIn: false,
    privileges: privileges.map((one) => (typeof one === 'string' ? privilege(one) : one)),
    guardrails: {
      requireWhere: new Set(),
      multiStatement: 'Deny',
      localInfile: 'Deny',
      ...guardrails,
    },
  };
}

export function grant(
  name: string,
  roleId: string,
  subjects: readonly SubjectMatcher[],
  over: Partial<Grant> = {},
): Grant {
  const targets = over.targets ?? new Set([ORDERS]);
  return {
    rule: reference(`Grant/data-orders/${name}`),
    namespace: 'data-orders',
    subjects,
    targets,
    roles: new Map([...targets].map((id) => [id, roleId])),
    lease: { ttlMs: 900_000 },
    session: { maxDurationMs: 12 * HOUR_MS },
    when: [],
    ...over,
  };
}

export function deny(
  name: string,
  subjects: readonly SubjectMatcher[],
  over: Partial<Deny> = {},
): Deny {
  return {
    rule: reference(`Deny/${name}`),
    subjects,
    targets: new Set([ORDERS]),
    when: [],
    ...over,
  };
}

export function serviceClass(name: string, limits: ServiceClass['limits']): ServiceClass {
  return { rule: reference(`ServiceClass/${name}`), name, limits };
}

export function policy(parts: {
  clusters?: readonly Cluster[];
  providers?: readonly IdentityProvider[];
  targets?: readonly Target[];
  roles?: readonly DataRole[];
  grants?: readonly Grant[];
  denies?: readonly Deny[];
  serviceClasses?: readonly ServiceClass[];
  expectations?: Policy['expectations'];
}): Policy {
  const byName = <One extends { name: string }>(all: readonly One[] = []) =>
    new Map(all.map((one) => [one.name, one]));
  const byId = <One extends { id: string }>(all: readonly One[] = []) =>
    new Map(all.map((one) => [one.id, one]));
  return {
    revision: 'test',
    clusters: byName(parts.clusters ?? [cluster('prod')]),
    providers: byName(parts.providers ?? [provider('entra')]),
    teams: new Map(),
    targets: byId(parts.targets ?? [target()]),
    roles: byId(parts.roles),
    grants: parts.grants ?? [],
    denies: parts.denies ?? [],
    serviceClasses: byName(parts.serviceClasses),
    expectations: parts.expectations ?? [],
  };
}

const FAR = 4_102_444_800_000;

export function workload(
  path = 'prod/payments/checkout',
  over: Partial<WorkloadPrincipal> = {},
): WorkloadPrincipal {
  const [clusterName = '', namespace = '', serviceAccount = ''] = path.split('/');
  return {
    kind: 'workload',
    id: `workload/${path}`,
    method: 'mesh-mtls',
    verifiedBy: clusterName,
    claims: {},
    expiresAt: FAR,
    cluster: clusterName,
    namespace,
    serviceAccount,
    ...over,
  };
}

export function user(
  subject: string,
  groups: readonly string[] = [],
  over: Partial<UserPrincipal> = {},
): UserPrincipal {
  return {
    kind: 'user',
    id: `user/entra/${subject}`,
    method: 'token',
    verifiedBy: 'entra',
    claims: {},
    expiresAt: FAR,
    provider: 'entra',
    subject,
    groups: { ids: new Set(groups), incomplete: false },
    appRoles: new Set(),
    ...over,
  };
}

export function ciJob(over: Partial<CiPrincipal> = {}): CiPrincipal {
  return {
    kind: 'ci',
    id: 'ci/github/acme/shop@production',
    method: 'token',
    verifiedBy: 'github',
    claims: {},
    expiresAt: FAR,
    provider: 'github',
    repository: 'acme/shop',
    ownerId: '1001',
    repositoryId: '2002',
    environment: 'production',
    ref: 'refs/heads/main',
    ...over,
  };
}

export function agent(client: string, over: Partial<AgentPrincipal> = {}): AgentPrincipal {
  return {
    kind: 'agent',
    id: `agent/entra/${client}`,
    method: 'token',
    verifiedBy: 'entra',
    claims: {},
    expiresAt: FAR,
    provider: 'entra',
    client,
    appRoles: new Set(),
    ...over,
  };
}

/** The workload matcher for whole service accounts, e.g. `prod/payments/checkout`. */
export function account(path: string): SubjectMatcher {
  const [clusterName = '', ...rest] = path.split('/');
  return {
    kind: 'workload',
    clusters: new Set([clusterName]),
    serviceAccounts: new Set([rest.join('/')]),
  };
}
