// SPDX-License-Identifier: Apache-2.0
import type { Value } from '../../compile/istio/artifact.ts';
import {
  type AuthorizationPolicy,
  type AuthorizationRule,
  type FieldSet,
  HTTP_FIELDS,
  reachesPort,
  valuesOf,
} from '../../manifest/authorization-policy.ts';
import { databaseWorkloads } from '../../manifest/database-workload.ts';
import { type Manifest, manifestName } from '../../manifest/manifest.ts';
import { Mesh } from '../../manifest/mesh.ts';
import { childOf, itemsOf, membersOf, textOf, textsOf } from '../../manifest/node.ts';
import { freeName, type Imported, type ImportedDocument } from '../document.ts';
import { Ledger } from '../ledger.ts';
import { Leaves } from './leaves.ts';
import { Providers } from './providers.ts';
import { NAMESPACE_LABEL, type SubjectOf, sourceSubjects } from './source-subjects.ts';
import { type ImportedTarget, Targets } from './targets.ts';

export interface IstioImportOptions {
  /** What the Cluster is called; it is made unless it is declared. */
  readonly cluster: string;
  readonly trustDomain: string;
  /** What Grants give; the mesh knows who, and not what. */
  readonly role: string;
  readonly schemas: readonly string[];
  /** Ids of documents that are declared already. */
  readonly taken: ReadonlySet<string>;
}

/** Whose objects hold facts about access; of all others one fact each. */
const LOOKED_AT =
  /^(Service|Deployment|StatefulSet|DaemonSet|ReplicaSet|Job|Pod|Namespace|ServiceAccount)$/;
const READ = ['AuthorizationPolicy', 'PeerAuthentication', 'RequestAuthentication', 'ServiceEntry'];

/** The trust domain that most principals name; `cluster.local` stands for whatever it is. */
export function trustDomainOf(manifests: readonly Manifest[]): string {
  const counts = new Map<string, number>();
  for (const { rules } of new Mesh(manifests).policies) {
    for (const { value } of rules.flatMap((rule) =>
      rule.sources.flatMap((one) => valuesOf(one, ['principals'])),
    )) {
      const domain = /^([^*/]+)\/ns\//.exec(value)?.[1];
      if (domain !== undefined && domain !== 'cluster.local')
        counts.set(domain, (counts.get(domain) ?? 0) + 1);
    }
  }
  const [first] = [...counts].sort(([, a], [, b]) => b - a);
  return first?.[0] ?? 'cluster.local';
}

/** Objects of a mesh -> a declaration in Observe mode. Pure. */
export function importIstio(manifests: readonly Manifest[], options: IstioImportOptions): Imported {
  return new IstioImporter(manifests, options).run();
}

class IstioImporter {
  readonly #ledger = new Ledger();
  readonly #leaves = new Leaves(this.#ledger);
  readonly #mesh: Mesh;
  readonly #options: IstioImportOptions;
  readonly #targets: Targets;
  readonly #providers: Providers;
  readonly #rules: ImportedDocument[] = [];
  readonly #namespaces = new Set<string>();
  readonly #names: Set<string>;

  constructor(manifests: readonly Manifest[], options: IstioImportOptions) {
    this.#mesh = new Mesh(manifests);
    this.#options = options;
    const taken = (kind: string) =>
      [...options.taken].flatMap((id) =>
        id.startsWith(`${kind}/`) ? [id.split('/').at(-1) ?? ''] : [],
      );
    this.#names = new Set(['Grant', 'Deny', 'Team'].flatMap(taken));
    this.#targets = new Targets(databaseWorkloads(this.#mesh, undefined), options, taken('Target'));
    this.#providers = new Providers(this.#leaves, taken('IdentityProvider'));
  }

  run(): Imported {
    for (const manifest of this.#mesh.manifests) this.#open(manifest);
    for (const entry of this.#mesh.of('ServiceEntry')) this.#targets.external(entry, this.#leaves);
    for (const peer of this.#mesh.of('PeerAuthentication')) this.#peer(peer);
    for (const tokens of this.#mesh.of('RequestAuthentication')) this.#providers.read(tokens);
    const policies = [...this.#mesh.policies].sort(
      (a, b) => Number(b.action === 'DENY') - Number(a.action === 'DENY'),
    );
    for (const policy of policies) this.#policy(policy);
    const documents = [
      ...this.#cluster(),
      ...this.#providers.documents(),
      ...this.#targets.documents(),
      ...this.#rules,
    ];
    return { documents, entries: this.#ledger.close() };
  }

  #open(manifest: Manifest): void {
    if (READ.includes(manifest.kind) && manifest.spec) {
      this.#leaves.open(manifest, manifest.spec, 'spec');
      const annotations = childOf(manifest.root, 'metadata', 'annotations');
      if (!annotations) return;
      this.#leaves.open(manifest, annotations, 'annotations');
      this.#leaves.leave(
        annotations,
        'a note; an ALLOW or DENY that only runs dry is said with the rule',
      );
      return;
    }
    const key = `object ${manifest.place.file}:${manifest.place.line} ${manifestName(manifest)}`;
    const origin = `${manifest.place.file}:${manifest.place.line}`;
    this.#ledger.open(key, { origin, text: manifestName(manifest) });
    this.#ledger.leave(
      key,
      LOOKED_AT.test(manifest.kind)
        ? 'it was looked at to find databases and names; it says nothing about who may do what'
        : `objects of kind ${manifest.kind} are not read`,
    );
  }

  #peer({ spec, namespace }: Manifest): void {
    const selector = childOf(spec, 'selector');
    const [target] = this.#targets.selected(namespace, childOf(selector, 'matchLabels'));
    const mode = childOf(spec, 'mtls', 'mode');
    if (target && textOf(mode)?.value === 'STRICT') {
      this.#leaves.carry(selector, target.id);
      this.#leaves.carry(mode, target.id);
    }
    const why = target
      ? 'Postern takes nobody without identity, and renders STRICT for what it guards'
      : 'it selects no database that was found here';
    this.#leaves.leave(spec, why);
  }

  #policy(policy: AuthorizationPolicy): void {
    const { manifest, action, dryRun } = policy;
    const { spec } = manifest;
    const targets = this.#targets.of(policy);
    const [first] = targets;
    const aside =
      action !== 'ALLOW' && action !== 'DENY'
        ? `${action} decides nothing that a declaration says`
        : dryRun
          ? 'it runs dry: it decides nothing today'
          : first === undefined
            ? 'it is about no database that was found here (by port 3306, 33060 or a name with mysql)'
            : undefined;
    if (aside !== undefined || first === undefined) return this.#leaves.leave(spec, aside ?? '');
    // It lets nobody in, and so does a Target without Grants.
    if (policy.rules.length === 0) return this.#leaves.carry(spec, first.id);
    for (const { key, node } of membersOf(spec)) {
      if (key !== 'rules') this.#leaves.carry(node, first.id);
    }
    for (const rule of policy.rules) {
      const reached = targets.filter(({ port }) => reachesPort(rule, port));
      if (reached.length === 0)
        this.#leaves.leave(rule.node, 'it is about other ports than that of a database');
      else this.#rule(policy, rule, reached);
    }
  }

  #rule(
    policy: AuthorizationPolicy,
    rule: AuthorizationRule,
    targets: readonly ImportedTarget[],
  ): void {
    const without = policy.action === 'DENY' ? ' (wider: it denied)' : ' (narrower: it let in)';
    const leave = (why: string) => this.#leaves.leave(rule.node, `${why}${without}`);
    const isAllow = policy.action === 'ALLOW';
    const http = rule.operations.flatMap((one) => valuesOf(one, HTTP_FIELDS));
    if (http.length > 0) {
      const why = `${http[0]?.field} exists in HTTP only: on TCP Istio drops ${isAllow ? 'the rule, so it let nobody in' : 'the field'}`;
      return isAllow ? this.#leaves.leave(rule.node, why) : leave(why);
    }
    const foreign = rule.conditions.find(({ key }) => key.value !== 'source.ip');
    if (foreign) {
      const why = conditionReason(foreign.key.value);
      return isAllow ? this.#leaves.leave(rule.node, why) : leave(why);
    }
    if (rule.sources.length === 0)
      return leave('it names nobody: everybody is meant, also without identity');
    const addresses = rule.conditions.map(({ values, notValues, node }) => ({
      values,
      notValues,
      node,
    }));
    for (const source of rule.sources) {
      const when = [
        ...addresses.flatMap(({ values, notValues }) => sourceIp(values, notValues)),
        ...sourceIp(source.values.get('ipBlocks') ?? [], source.values.get('notIpBlocks') ?? []),
      ];
      for (const target of targets) {
        if (policy.action === 'ALLOW') this.#allow(policy, source, target, when, without);
        else this.#deny(policy, source, target, when, without);
      }
    }
    const [target] = targets;
    for (const { node } of rule.conditions) this.#leaves.carry(node, target?.id ?? '');
    this.#ports(rule, targets);
    // What no source could say is said here; what was carried stays carried.
    leave('no source of the rule could be carried over');
  }

  #ports(rule: AuthorizationRule, targets: readonly ImportedTarget[]): void {
    for (const operation of rule.operations) {
      for (const node of itemsOf(childOf(operation.node, 'ports'))) {
        const target = targets.find(({ port }) => String(port) === textOf(node)?.value);
        if (target) this.#leaves.carry(node, target.id);
        else this.#leaves.leave(node, 'the port of something else than a database');
      }
      this.#leaves.leave(childOf(operation.node, 'notPorts'), 'a Target has one port');
    }
  }

  #allow(
    policy: AuthorizationPolicy,
    source: FieldSet,
    target: ImportedTarget,
    when: readonly Value[],
    without: string,
  ): void {
    const { manifest } = policy;
    const read = sourceSubjects(source, { ...this.#options, namespace: manifest.namespace });
    if ('left' in read) return this.#leaves.leave(source.node, `${read.left}${without}`);
    const kept = read.filter((one) => {
      if ('left' in one) this.#leaves.leave(one.node, `${one.left}${without}`);
      const barred = 'left' in one ? undefined : target.barring(one.account);
      if (barred !== undefined)
        this.#leaves.leave(one.node, `the DENY ${barred} keeps it out, and DENY wins`);
      return !('left' in one) && barred === undefined;
    });
    if (kept.length === 0) return;
    const name = freeName(manifest.name, this.#names);
    const id = `Grant/${target.namespace}/${name}`;
    for (const { node } of kept) this.#leaves.carry(node, id);
    for (const field of ['ipBlocks', 'notIpBlocks'])
      this.#leaves.carry(childOf(source.node, field), id);
    this.#rules.push({
      kind: 'Grant',
      name,
      namespace: target.namespace,
      spec: {
        subjects: this.#subjects(kept, name),
        targetSelector: { matchLabels: target.labels },
        role: this.#options.role,
        ...(when.length > 0 && { when }),
      },
    });
  }

  /** Several accounts with the same access are a Team, where the Cluster is ours to label. */
  #subjects(kept: readonly SubjectOf[], name: string): readonly Value[] {
    const accounts = kept.flatMap((one) => ('left' in one ? [] : (one.account ?? [])));
    const all = kept.flatMap((one) => ('left' in one ? [] : [one.subject]));
    for (const one of all) this.#noteNamespace(one);
    if (accounts.length < 2 || this.#isDeclared()) return all;
    const team = freeName(`${name}-callers`, this.#names);
    const clusters = { matchLabels: { cluster: this.#options.cluster } };
    this.#rules.push({
      kind: 'Team',
      name: team,
      namespace: '',
      spec: { workloads: [{ clusters, serviceAccounts: accounts }] },
    });
    const others = kept.flatMap((one) =>
      'left' in one || one.account !== undefined ? [] : [one.subject],
    );
    return [{ workloadsOf: team }, ...others];
  }

  #deny(
    policy: AuthorizationPolicy,
    source: FieldSet,
    target: ImportedTarget,
    when: readonly Value[],
    without: string,
  ): void {
    const { manifest } = policy;
    const fields = [...source.values.keys()].filter((one) => !/^(not)?ipBlocks$/i.test(one));
    const only = fields.length === 1 ? fields[0] : undefined;
    const node = only === undefined ? undefined : childOf(source.node, only);
    if (only === 'notPrincipals' && when.length === 0) {
      const accounts = textsOf(node).map(({ value }) =>
        /\/ns\/([^*/]+)\/sa\/([^*/]+)$/.exec(value),
      );
      if (accounts.every((one) => one !== null)) {
        // Whoever has no Grant is kept out anyway; Grants for others are not made.
        const names = accounts.map((one) => `${one?.[1]}/${one?.[2]}`);
        const { file, line } = source.place;
        target.restrictTo(new Set(names), `${manifestName(manifest)} (${file}:${line})`);
        return this.#leaves.carry(node, target.id);
      }
    }
    let subjects: readonly Value[];
    if (only === 'notNamespaces') {
      const values = textsOf(node).map(({ value }) => value);
      if (values.some((one) => one.includes('*'))) {
        return this.#leaves.leave(
          source.node,
          `a pattern of namespaces cannot be spared${without}`,
        );
      }
      for (const one of values) this.#namespaces.add(one);
      const matchExpressions = [{ key: NAMESPACE_LABEL, operator: 'NotIn', values }];
      subjects = [{ workload: { namespaceSelector: { matchExpressions } } }];
    } else if (fields.length === 0) {
      subjects = ['workload', 'user', 'ci', 'agent'].map((any) => ({ any }));
    } else {
      const read = sourceSubjects(source, { ...this.#options, namespace: manifest.namespace });
      if ('left' in read) return this.#leaves.leave(source.node, `${read.left}${without}`);
      for (const one of read) {
        if ('left' in one) this.#leaves.leave(one.node, `${one.left}${without}`);
        else this.#noteNamespace(one.subject);
      }
      subjects = read.flatMap((one) => ('left' in one ? [] : [one.subject]));
      if (subjects.length === 0) return;
      const name = this.#denyDocument(manifest, target, subjects, when);
      for (const one of read) if (!('left' in one)) this.#leaves.carry(one.node, `Deny/${name}`);
      return this.#carryAddresses(source, `Deny/${name}`);
    }
    const name = this.#denyDocument(manifest, target, subjects, when);
    this.#leaves.carry(node, `Deny/${name}`);
    this.#carryAddresses(source, `Deny/${name}`);
  }

  #carryAddresses(source: FieldSet, id: string): void {
    for (const field of ['ipBlocks', 'notIpBlocks'])
      this.#leaves.carry(childOf(source.node, field), id);
  }

  #denyDocument(
    manifest: Manifest,
    target: ImportedTarget,
    subjects: readonly Value[],
    when: readonly Value[],
  ): string {
    const name = freeName(manifest.name, this.#names);
    const spec = {
      subjects,
      targets: { matchLabels: target.labels },
      ...(when.length > 0 && { when }),
    };
    this.#rules.push({ kind: 'Deny', name, namespace: '', spec });
    return name;
  }

  #noteNamespace(subject: Value): void {
    const [, namespace] =
      /"kubernetes\.io\/metadata\.name":"([^"]+)"/.exec(JSON.stringify(subject)) ?? [];
    if (namespace !== undefined) this.#namespaces.add(namespace);
  }

  #isDeclared(): boolean {
    return this.#options.taken.has(`Cluster/${this.#options.cluster}`);
  }

  #cluster(): readonly ImportedDocument[] {
    const { cluster, trustDomain } = this.#options;
    if (this.#isDeclared()) return [];
    const known = new Map(
      this.#mesh.of('Namespace').map(({ name, labels }) => [name, Object.fromEntries(labels)]),
    );
    const namespaces = [...this.#namespaces].sort().map((name) => ({
      name,
      labels: { ...known.get(name), [NAMESPACE_LABEL]: name },
    }));
    const spec = {
      trustDomain,
      bundle: { file: 'root-cert.pem' },
      ...(namespaces.length > 0 && { namespaces }),
    };
    return [{ kind: 'Cluster', name: cluster, namespace: '', labels: { cluster }, spec }];
  }
}

function sourceIp(
  values: readonly { value: string }[],
  notValues: readonly { value: string }[],
): readonly Value[] {
  const texts = (all: readonly { value: string }[]) =>
    all.map(({ value }) =>
      value.includes('/') ? value : `${value}/${value.includes(':') ? 128 : 32}`,
    );
  return [
    ...(values.length > 0 ? [{ key: 'source.ip', values: texts(values) }] : []),
    ...(notValues.length > 0 ? [{ key: 'source.ip', notValues: texts(notValues) }] : []),
  ];
}

/** Claims are no part of a TCP connection: Istio drops such a rule, so nobody got in by it. */
function conditionReason(key: string): string {
  const claim = /^request\.auth\.claims\[(.*)\]$/.exec(key)?.[1];
  if (claim === undefined) return `the condition ${key} has no counterpart`;
  const subject =
    claim === 'groups'
      ? '{group: {provider: ..., id: ...}}'
      : claim === 'roles'
        ? '{appRole: {provider: ..., value: ...}}'
        : '{user: {provider: ..., id: ...}} or {ci: ...}';
  return `tokens are no part of a TCP connection, so this let nobody in: Postern verifies them, write a Grant for ${subject}`;
}
