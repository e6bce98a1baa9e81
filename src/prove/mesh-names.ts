// SPDX-License-Identifier: Apache-2.0
import { isJsonObject } from '../compile/kube/object.ts';
import type { Labels, MeshObject } from './mesh/mesh-facts.ts';
import type { MeshInput } from './mesh-input.ts';

/** What objects of a mesh tell callers and requests apart by. */
export interface MeshNames {
  readonly trustDomains: ReadonlySet<string>;
  /** `namespace/name`; either part may be missing where a pattern leaves it open. */
  readonly accounts: ReadonlySet<string>;
  readonly namespaces: ReadonlySet<string>;
  readonly paths: ReadonlySet<string>;
  readonly methods: ReadonlySet<string>;
  /** Pods that a NetworkPolicy picks out; without a namespace: in any. */
  readonly pods: readonly { readonly namespace?: string; readonly labels: Labels }[];
}

const NAME_LABEL = 'kubernetes.io/metadata.name';
const FIELDS = {
  principals: /^(not)?[pP]rincipals$|^source\.principal$/,
  namespaces: /^(not)?[nN]amespaces$|^source\.namespace$/,
  accounts: /^(not)?[sS]erviceAccounts$|^source\.serviceAccount$/,
  trustDomains: /^(not)?[tT]rustDomains$|^source\.trustDomain$/,
  paths: /^(not)?[pP]aths$/,
  methods: /^(not)?[mM]ethods$/,
} as const;

/** The names that can matter for callers of pods in one namespace. */
export function meshNamesAt({ objects, facts, trusts }: MeshInput, namespace: string) {
  const near = [undefined, namespace, facts.rootNamespace ?? 'istio-system'];
  const names = namesIn(
    objects.filter(
      ({ object: { kind, metadata, spec } }) =>
        near.includes(metadata.namespace) || (kind === 'NetworkPolicy' && leavesByRules(spec)),
    ),
  );
  return { objects: names, trusts, domains: [facts.trustDomain, ...facts.trustDomainAliases] };
}

/** All names in the objects; a pattern is one name that it matches. */
function namesIn(objects: readonly MeshObject[]): MeshNames {
  const reader = new NameReader();
  for (const { object } of objects) {
    reader.namespace = object.metadata.namespace;
    reader.read(object['spec']);
    // Rules about leaving a namespace are beside its pods.
    if (leavesByRules(object['spec']) && reader.namespace !== undefined) {
      reader.namespaces.add(reader.namespace);
    }
  }
  return reader;
}

function leavesByRules(spec: unknown): boolean {
  const types = isJsonObject(spec) ? spec['policyTypes'] : undefined;
  return Array.isArray(types) && types.includes('Egress');
}

class NameReader implements MeshNames {
  readonly trustDomains = new Set<string>();
  readonly accounts = new Set<string>();
  readonly namespaces = new Set<string>();
  readonly paths = new Set<string>();
  readonly methods = new Set<string>();
  readonly pods: { namespace?: string; labels: Labels }[] = [];
  namespace: string | undefined;

  read(value: unknown): void {
    if (Array.isArray(value)) {
      for (const one of value) this.read(one);
      return;
    }
    if (!isJsonObject(value)) return;
    this.#peer(value);
    // A condition names its key in a field.
    const key = value['key'];
    if (typeof key === 'string') {
      this.#note(key, value['values']);
      this.#note(key, value['notValues']);
    }
    for (const [name, inner] of Object.entries(value)) {
      this.#note(name, inner);
      this.read(inner);
    }
  }

  #note(field: string, values: unknown): void {
    if (!Array.isArray(values)) return;
    for (const value of values) {
      if (typeof value !== 'string') continue;
      if (FIELDS.principals.test(field)) this.#principal(value);
      else if (FIELDS.namespaces.test(field)) this.namespaces.add(sample(value));
      else if (FIELDS.trustDomains.test(field)) this.trustDomains.add(sample(value));
      else if (FIELDS.paths.test(field)) this.paths.add(sample(value));
      else if (FIELDS.methods.test(field)) this.methods.add(sample(value));
      else if (FIELDS.accounts.test(field)) {
        const own = `${this.namespace ?? ''}/${value}`;
        this.accounts.add(value.includes('/') ? value : own);
      }
    }
  }

  /** `td/ns/payments/sa/checkout`, also with `*` at either end. */
  #principal(value: string): void {
    const [, domain, namespace, account] =
      /^([^/]*)(?:\/ns\/([^/]*)(?:\/sa\/([^/]*))?)?/.exec(value) ?? [];
    if (domain && !/^\*[^/]*$/.test(value) && domain !== '*') this.trustDomains.add(sample(domain));
    // A star before part of the account's name, or with only its last slash.
    if (value.length > 1 && value.startsWith('*') && !value.includes('/sa/')) {
      this.accounts.add(`/${sample(value).replace(/^.*\//, '')}`);
    }
    const [, ending, name] = /(?:^|\/ns\/|\*)([^/*]*)\/sa\/([^/]*)$/.exec(value) ?? [];
    const within = namespace ?? ending ?? '';
    if (within !== '' && !within.startsWith('*')) this.namespaces.add(sample(within));
    const called = account ?? name ?? '';
    if (called !== '' && called !== '*') this.accounts.add(`${sample(within)}/${sample(called)}`);
  }

  #peer(value: { readonly [name: string]: unknown }): void {
    const { namespaceSelector: near, podSelector: pod } = value;
    const exact = isJsonObject(near) ? near['matchLabels'] : undefined;
    const namespace = isJsonObject(exact) ? exact[NAME_LABEL] : undefined;
    if (typeof namespace === 'string') this.namespaces.add(namespace);
    if (isJsonObject(near)) for (const name of expressionNames(near)) this.namespaces.add(name);
    const picked = labelsOf(pod);
    // Beside `policyTypes` the selector is of the pods that the policy is about.
    if (!picked || 'policyTypes' in value || Object.keys(picked).length === 0) return;
    const within = near === undefined ? this.namespace : namespace;
    this.pods.push({ ...(typeof within === 'string' && { namespace: within }), labels: picked });
  }
}

/** The least labels that the selector picks out; undefined: it is none. */
function labelsOf(selector: unknown): Labels | undefined {
  if (!isJsonObject(selector)) return undefined;
  const exact = isJsonObject(selector['matchLabels']) ? (selector['matchLabels'] as Labels) : {};
  const labels: Record<string, string> = { ...exact };
  const expressions = selector['matchExpressions'];
  for (const one of Array.isArray(expressions) ? expressions : []) {
    if (!isJsonObject(one)) continue;
    const { key, operator, values } = one;
    if (typeof key !== 'string' || key in labels) continue;
    // What must not be there is not there in a pod without labels.
    if (operator === 'Exists') labels[key] = 'x-y';
    if (operator !== 'In' || !Array.isArray(values)) continue;
    const [value] = values;
    if (typeof value === 'string') labels[key] = value;
  }
  return labels;
}

function expressionNames(selector: { readonly [name: string]: unknown }): readonly string[] {
  const expressions = selector['matchExpressions'];
  if (!Array.isArray(expressions)) return [];
  return expressions.flatMap((one) => {
    if (!isJsonObject(one) || one['key'] !== NAME_LABEL || !Array.isArray(one['values'])) return [];
    return one['values'].filter((value) => typeof value === 'string');
  });
}

/** A text that the pattern matches and no other name is likely to be. */
function sample(pattern: string): string {
  return pattern.replace(/\*/g, 'x-y');
}
