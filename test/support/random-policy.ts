// SPDX-License-Identifier: Apache-2.0
import type { ClaimValue, IdentityMethod, Principal } from '../../src/model/principal.ts';
import type { Action, Need } from '../../src/model/request.ts';
import type { RequestQuestion, Surroundings } from '../../src/policy/decide.ts';
import type {
  Condition,
  DataRole,
  ObjectPattern,
  Policy,
  SubjectMatcher,
  TextPattern,
} from '../../src/policy/policy.ts';
import {
  agent,
  ciJob,
  cluster,
  deny,
  grant,
  HOUR_MS,
  policy,
  privilege,
  provider,
  role,
  serviceClass,
  target,
  user,
  workload,
} from './policy.ts';
import type { Random } from './random.ts';

/** Small worlds in which rules and principals meet often. */

const NOW = Date.UTC(2026, 2, 28, 20);
export const TARGETS = ['data/one', 'data/two'] as const;
const CLUSTERS = ['c1', 'c2'];
const NAMESPACES = ['n1', 'n2'];
const ACCOUNTS = ['a', 'b'];
const GROUPS = ['g1', 'g2', 'g3'];
const ACTIONS: readonly Action[] = ['select', 'insert', 'update', 'delete', 'execute'];
const SCHEMAS = ['s1', 's2'];
const TABLES = ['t1', 't2'];
const ZONES = ['UTC', 'Europe/Berlin', 'America/New_York', 'Asia/Kolkata', 'Pacific/Apia'];
const CIDRS = ['10.0.0.0/8', '10.1.0.0/16', '192.168.1.7/32', '2001:db8::/32', 'fe80::/10'];
const ADDRESSES = ['10.1.2.3', '10.2.0.1', '192.168.1.7', '2001:db8::7', 'fe80::1', '8.8.8.8'];

export interface World {
  /** Only what the Cedar translation knows: windows in UTC, single claims, complete groups. */
  readonly plain: boolean;
}

export function randomPolicy(random: Random, world: World = { plain: false }): Policy {
  const roles = random.times(3, (index) => randomRole(random, index));
  const classes = random.times(2, (index) =>
    serviceClass(`class${index}`, {
      ...(random.chance(0.5) && { connections: 1 + random.below(9) }),
      ...(random.chance(0.7) && { requestsPerSecond: 1 + random.below(9) }),
      ...(random.chance(0.5) && { rowsPerRequest: 1 + random.below(9) }),
    }),
  );
  const targets = TARGETS.map((id) =>
    target(id, {
      labels: { env: random.pick(['prod', 'test']) },
      enforcement: random.chance(0.1) ? 'Observe' : 'Enforce',
    }),
  );
  const grants = random.times(2 + random.below(7), (index) =>
    grant(`g${index}`, random.pick(roles).id, randomSubjects(random, 'grant'), {
      targets: new Set(random.some(TARGETS)),
      when: randomWhen(random, world),
      ...(random.chance(0.2) && { expires: NOW + (random.below(5) - 2) * HOUR_MS }),
      ...(random.chance(0.6) && { serviceClass: random.pick(classes).name }),
    }),
  );
  const denies = random.times(random.below(3), (index) =>
    deny(`d${index}`, randomSubjects(random, 'deny'), {
      targets: new Set(random.some(TARGETS)),
      when: randomWhen(random, world),
    }),
  );
  return policy({
    clusters: CLUSTERS.map((name) => cluster(name, { trustDomain: 'cluster.local' })),
    providers: [provider('entra'), provider('github')],
    targets,
    roles,
    grants,
    denies,
    serviceClasses: classes,
  });
}

function randomRole(random: Random, index: number): DataRole {
  const privileges = random.times(1 + random.below(3), () => {
    const objects = random.times(1 + random.below(2), () => randomPattern(random));
    const actions = new Set(random.some(ACTIONS));
    if (!random.chance(0.2)) return privilege('select', { objects, actions });
    const as = { schema: random.pick(SCHEMAS), name: 'v1' };
    const [only] = objects;
    return privilege('select', { objects: only ? [only] : [], actions, columns: ['id'], as });
  });
  return role(`data/role${index}`, privileges, {
    requireWhere: new Set(random.chance(0.6) ? [random.pick(['update', 'delete'] as const)] : []),
    multiStatement: random.pick(['Allow', 'Deny']),
    localInfile: random.pick(['Allow', 'Deny']),
  });
}

function randomPattern(random: Random): ObjectPattern {
  const schema = random.pick(SCHEMAS);
  if (random.chance(0.2)) return { type: 'schema', schema };
  if (random.chance(0.2)) return { type: 'routine', schema, name: 'p1' };
  return { type: 'table', schema, name: random.pick(TABLES) };
}

function randomSubjects(random: Random, side: 'grant' | 'deny'): SubjectMatcher[] {
  return random.times(1 + random.below(3), () => randomSubject(random, side));
}

function randomSubject(random: Random, side: 'grant' | 'deny'): SubjectMatcher {
  const kind = random.below(side === 'deny' ? 8 : 7);
  if (kind <= 1) return randomWorkloadMatcher(random, side);
  if (kind === 2) return randomPersonMatcher(random);
  if (kind === 3) return { kind: 'group', provider: 'entra', id: random.pick(GROUPS) };
  if (kind === 4) return randomCiMatcher(random);
  if (kind === 5) {
    const client = random.pick(['bot1', 'bot2']);
    const onBehalfOf = random.chance(0.6) ? { onBehalfOf: randomPersonMatcher(random) } : {};
    return { kind: 'agent', provider: 'entra', client, ...onBehalfOf };
  }
  if (kind === 6) {
    const path = `ns/${random.pick(NAMESPACES)}/sa/${random.pick(ACCOUNTS)}`;
    return { kind: 'spiffeId', id: `spiffe://cluster.local/${path}` };
  }
  return { kind: 'any', of: random.pick(['workload', 'user', 'ci', 'agent'] as const) };
}

function randomWorkloadMatcher(random: Random, side: 'grant' | 'deny'): SubjectMatcher {
  const clusters = new Set(random.some(CLUSTERS));
  const perCluster = () =>
    new Map([...clusters].map((name) => [name, new Set(random.some(NAMESPACES))]));
  const accounts = NAMESPACES.flatMap((ns) => ACCOUNTS.map((name) => `${ns}/${name}`));
  return {
    kind: 'workload',
    clusters,
    ...(random.chance(0.3) && { namespaces: perCluster() }),
    ...(side === 'deny' && random.chance(0.2) && { exceptNamespaces: perCluster() }),
    ...(random.chance(0.5) && { serviceAccounts: new Set(random.some(accounts)) }),
  };
}

function randomPersonMatcher(random: Random): SubjectMatcher {
  if (random.chance(0.4)) return { kind: 'group', provider: 'entra', id: random.pick(GROUPS) };
  if (random.chance(0.3)) return { kind: 'appRole', provider: 'entra', value: 'admin' };
  return { kind: 'user', provider: 'entra', id: random.pick(['ann', 'bob']) };
}

function randomCiMatcher(random: Random): SubjectMatcher {
  const ref: TextPattern = random.pick([
    { match: 'exact', value: 'refs/heads/main' },
    { match: 'prefix', value: 'refs/tags/' },
    { match: 'suffix', value: '/main' },
  ]);
  return {
    kind: 'ci',
    provider: 'github',
    ...(random.chance(0.6) && { ownerId: random.pick(['1', '2']) }),
    ...(random.chance(0.4) && { repositoryId: random.pick(['10', '20']) }),
    ...(random.chance(0.3) && { environment: 'production' }),
    ...(random.chance(0.3) && { ref }),
  };
}

function randomWhen(random: Random, world: World): Condition[] {
  if (random.chance(0.55)) return [];
  return random.times(1 + random.below(2), () => randomCondition(random, world));
}

function randomCondition(random: Random, world: World): Condition {
  const not = random.chance(0.4);
  if (random.chance(0.3)) {
    const days =
      !world.plain && random.chance(0.5)
        ? { days: new Set(random.some([0, 1, 2, 3, 4, 5, 6])) }
        : {};
    const fromMinute = random.below(24) * 60;
    const toMinute = (fromMinute + 60 * (1 + random.below(22))) % 1_440;
    const zone = world.plain ? 'UTC' : random.pick(ZONES);
    return { key: 'time', fromMinute, toMinute, zone, ...days };
  }
  if (random.chance(0.3)) return { key: 'source.ip', not, cidrs: random.some(CIDRS) };
  const name = random.pick([
    'claim[dept]',
    'claim[region]',
    'identity.method',
    'target.label[env]',
  ]);
  const values = random.times(1 + random.below(2), () =>
    random.pick<TextPattern>([
      { match: 'exact', value: random.pick(['finance', 'token', 'prod', 'eu-west']) },
      { match: 'prefix', value: random.pick(['fin', 'mesh', 'eu-']) },
      { match: 'suffix', value: random.pick(['-west', 'mtls', 'ance']) },
    ]),
  );
  return { key: 'text', name, not, values };
}

export function randomPrincipal(random: Random, world: World = { plain: false }): Principal {
  const facts = {
    method: random.pick<IdentityMethod>(['mesh-mtls', 'token', 'client-certificate']),
    claims: randomClaims(random, world),
  };
  switch (random.below(4)) {
    case 0: {
      const [name, ns, sa] = [
        random.pick(CLUSTERS),
        random.pick(NAMESPACES),
        random.pick(ACCOUNTS),
      ];
      const spiffeId = `spiffe://cluster.local/ns/${ns}/sa/${sa}`;
      const carried = world.plain || random.chance(0.7) ? { spiffeId } : {};
      return workload(`${name}/${ns}/${sa}`, { ...facts, ...carried });
    }
    case 1:
      return randomUser(random, world);
    case 2:
      return ciJob({
        ...facts,
        ownerId: random.pick(['1', '2']),
        repositoryId: random.pick(['10', '20']),
        environment: random.pick(['production', 'staging']),
        ref: random.pick(['refs/heads/main', 'refs/tags/v1', 'refs/heads/next']),
      });
    default: {
      const onBehalfOf = random.chance(0.6) ? { onBehalfOf: randomUser(random, world) } : {};
      const appRoles = new Set(random.chance(0.3) ? ['admin'] : []);
      return agent(random.pick(['bot1', 'bot2']), { ...facts, appRoles, ...onBehalfOf });
    }
  }
}

function randomUser(random: Random, world: World): Principal {
  const ids = new Set(random.some(GROUPS, 0));
  const incomplete = !world.plain && random.chance(0.2);
  return user(random.pick(['ann', 'bob', 'cay']), [], {
    groups: { ids, incomplete },
    claims: randomClaims(random, world),
    appRoles: new Set(random.chance(0.3) ? ['admin'] : []),
  });
}

function randomClaims(random: Random, world: World): Record<string, ClaimValue> {
  const value = (): ClaimValue => {
    const one = () => random.pick(['finance', 'eu-west', 'eu-north', 'sales']);
    return world.plain || random.chance(0.6) ? one() : random.times(random.below(3), one);
  };
  return {
    ...(random.chance(0.6) && { dept: value() }),
    ...(random.chance(0.4) && { region: value() }),
  };
}

export function randomSurroundings(random: Random): Surroundings {
  // Around the night in which Europe's clocks go forward.
  const now = NOW + random.below(10 * 60) * 60_000 - 2 * HOUR_MS;
  return random.chance(0.8) ? { now, sourceIp: random.pick(ADDRESSES) } : { now };
}

export function randomNeed(random: Random): Need {
  const schema = random.pick(SCHEMAS);
  if (random.chance(0.15))
    return { action: 'execute', object: { type: 'routine', schema, name: 'p1' } };
  if (random.chance(0.1))
    return { action: random.pick(ACTIONS), object: { type: 'schema', schema } };
  const name = random.pick([...TABLES, 'v1']);
  return { action: random.pick(ACTIONS), object: { type: 'table', schema, name } };
}

export function randomQuestion(random: Random): RequestQuestion {
  const needs = random.times(random.below(3), () => randomNeed(random));
  const kinds = ['select', 'insert', 'update', 'delete', 'other', 'explain', 'set'] as const;
  return {
    kind: random.pick(kinds),
    needs,
    features: {
      hasWhere: random.chance(0.4),
      localInfile: random.chance(0.1),
      multiStatement: random.chance(0.15),
      mayHoldCredentials: false,
    },
  };
}
