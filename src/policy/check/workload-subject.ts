// SPDX-License-Identifier: Apache-2.0
import type { WorkloadSpec } from '../document/subject.ts';
import type { Cluster, SubjectMatcher } from '../policy.ts';
import { type Path, pathText } from '../source-tree.ts';
import { type Report, reportUnknown, type SubjectPlace } from './context.ts';
import { checkSelector, isEmptySelector, selectorMatches, selectorText } from './selector.ts';

type WorkloadMatcher = Extract<SubjectMatcher, { kind: 'workload' }>;
type Namespaces = ReadonlyMap<string, ReadonlySet<string>>;
/** The namespaces of a matcher, positive or (in a Deny) negative; empty: any namespace. */
type NamespaceTest = Pick<WorkloadMatcher, 'namespaces' | 'exceptNamespaces'>;

/** Cluster and namespace selectors are resolved here: a matcher holds finite sets only. */
export function workloadMatchers(
  spec: WorkloadSpec,
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  const { context, effect, report } = place;
  const valid = !spec.clusters || checkSelector(spec.clusters, [...path, 'clusters'], report);
  if (effect === 'allow') lintBreadth(spec, path, report);
  const accounts = (spec.serviceAccounts ?? []).flatMap((text, index) => {
    const at = [...path, 'serviceAccounts', index];
    return readAccount(text, text, at, place) ?? [];
  });
  const clusters = [...context.clusters.values()].filter((cluster) =>
    spec.clusters ? selectorMatches(spec.clusters, cluster.labels, effect) : true,
  );
  if (clusters.length === 0) {
    const wanted = spec.clusters ? selectorText(spec.clusters) : 'everything';
    const problem = `no declared Cluster matches ${wanted}`;
    if (valid && !context.documents.hasFaulty('Cluster')) {
      report([...path, 'clusters'], 'subject-selects-nothing', { problem });
    }
    return [];
  }
  const test = namespaceTest(spec, clusters, path, place);
  if (test === undefined) return [];
  return splitByAccount(spec.serviceAccounts !== undefined, accounts, clusters, test);
}

function lintBreadth(spec: WorkloadSpec, path: Path, report: Report): void {
  if (spec.serviceAccounts !== undefined) return;
  const allClusters = spec.clusters === undefined || isEmptySelector(spec.clusters);
  const allNamespaces =
    spec.namespaceSelector === undefined || isEmptySelector(spec.namespaceSelector);
  if (allClusters && allNamespaces) {
    report(path, 'wildcard-refused', {
      where: pathText(path),
      problem: 'this means every workload of every cluster',
      suggestion: 'Add "serviceAccounts", or select clusters and namespaces by label.',
    });
  } else if (allNamespaces) {
    report(path, 'broad-subject', {
      problem: 'Every workload of every namespace in these clusters is meant',
      suggestion: 'Add "serviceAccounts" or "namespaceSelector".',
    });
  }
}

interface Account {
  readonly namespace: string;
  /** Absent: every service account of the namespace. */
  readonly name?: string;
}

const NAMESPACE = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;
const ACCOUNT = /^[a-z0-9]([-a-z0-9.]{0,251}[a-z0-9])?$/;

/** `shown` is the whole value that `text` (`namespace/name`) is the end of. */
function readAccount(
  text: string,
  shown: string,
  path: Path,
  place: SubjectPlace,
): Account | undefined {
  const where = pathText(path);
  const [namespace = '', name = '', ...rest] = text.split('/');
  if (name === '*' && rest.length === 0 && NAMESPACE.test(namespace) && place.effect === 'deny') {
    return { namespace };
  }
  if (text.includes('*')) {
    place.report(path, 'wildcard-refused', {
      where,
      problem: `${shown} has a wildcard`,
      suggestion: 'Name each service account; only a Deny may say "namespace/*".',
    });
    return undefined;
  }
  if (rest.length > 0 || !NAMESPACE.test(namespace) || !ACCOUNT.test(name)) {
    const problem = `${shown} is not a service account`;
    const suggestion = `Write "${shown === text ? '' : 'cluster/'}namespace/name".`;
    place.report(path, 'value-invalid', { where, problem, suggestion });
    return undefined;
  }
  return { namespace, name };
}

/** Undefined when the namespace selector selects nothing. */
function namespaceTest(
  spec: WorkloadSpec,
  clusters: readonly Cluster[],
  path: Path,
  { context, effect, report }: SubjectPlace,
): NamespaceTest | undefined {
  const selector = spec.namespaceSelector;
  if (selector === undefined) return {};
  const at = [...path, 'namespaceSelector'];
  const valid = checkSelector(selector, at, report);
  const select = (wanted: boolean): Namespaces =>
    new Map(
      clusters.map((cluster) => {
        const named = [...cluster.namespaces].filter(
          ([, labels]) => selectorMatches(selector, labels, effect) === wanted,
        );
        return [cluster.name, new Set(named.map(([name]) => name))];
      }),
    );
  // In a Deny a namespace nobody declared must be caught by a selector that only excludes.
  if (effect === 'deny' && selectorMatches(selector, {}, effect)) {
    return { exceptNamespaces: select(false) };
  }
  const namespaces = select(true);
  if ([...namespaces.values()].some((names) => names.size > 0)) return { namespaces };
  if (valid && !context.documents.hasFaulty('Cluster')) {
    const problem = `no namespace listed in the selected Clusters matches ${selectorText(selector)}`;
    report(at, 'subject-selects-nothing', { problem });
  }
  return undefined;
}

function splitByAccount(
  restricted: boolean,
  accounts: readonly Account[],
  clusters: readonly Cluster[],
  test: NamespaceTest,
): readonly WorkloadMatcher[] {
  const names = new Set(clusters.map((cluster) => cluster.name));
  const base: WorkloadMatcher = { kind: 'workload', clusters: names, ...test };
  if (!restricted) return [base];
  const named = accounts.filter((one) => one.name !== undefined);
  const whole = accounts.filter((one) => one.name === undefined).map((one) => one.namespace);
  const matchers: WorkloadMatcher[] = [];
  if (named.length > 0) {
    const serviceAccounts = new Set(named.map((one) => `${one.namespace}/${one.name}`));
    matchers.push({ ...base, serviceAccounts });
  }
  if (whole.length > 0) {
    const selected = (cluster: string, namespace: string) =>
      test.namespaces?.get(cluster)?.has(namespace) ??
      !test.exceptNamespaces?.get(cluster)?.has(namespace);
    const namespaces = new Map(
      [...names].map((cluster) => [
        cluster,
        new Set(whole.filter((namespace) => selected(cluster, namespace))),
      ]),
    );
    matchers.push({ kind: 'workload', clusters: names, namespaces });
  }
  return matchers;
}

/** `cluster/namespace/name`: one workload of one cluster. */
export function serviceAccountMatchers(
  text: string,
  path: Path,
  place: SubjectPlace,
): readonly SubjectMatcher[] {
  const { context, report } = place;
  const slash = text.indexOf('/');
  const name = slash < 0 ? text : text.slice(0, slash);
  const account = readAccount(slash < 0 ? '' : text.slice(slash + 1), text, path, place);
  if (account === undefined) return [];
  const cluster = context.clusters.get(name);
  if (cluster === undefined) {
    reportUnknown(context, report, path, 'Cluster', name, context.clusters.keys());
    return [];
  }
  return splitByAccount(true, [account], [cluster], {});
}

/** `spiffe://trust-domain/ns/namespace/sa/name`, the form Istio issues. */
export function spiffeMatchers(
  text: string,
  path: Path,
  { context, effect, report }: SubjectPlace,
): readonly SubjectMatcher[] {
  const parts = /^spiffe:\/\/([a-z0-9._-]{1,255})\/ns\/([^/]+)\/sa\/([^/]+)$/.exec(text);
  const [, domain = '', namespace = '', name = ''] = parts ?? [];
  if (parts === null || !NAMESPACE.test(namespace) || !ACCOUNT.test(name)) {
    report(path, text.includes('*') ? 'wildcard-refused' : 'value-invalid', {
      where: pathText(path),
      problem: `${text} is not a SPIFFE id of a workload`,
      suggestion: 'Write "spiffe://trust-domain/ns/namespace/sa/name".',
    });
    return [];
  }
  const clusters = [...context.clusters.values()].filter(
    (cluster) => cluster.trustDomain === domain || cluster.trustDomainAliases.includes(domain),
  );
  if (clusters.length === 0) {
    if (!context.documents.hasFaulty('Cluster')) {
      const problem = `no declared Cluster has the trust domain ${domain}`;
      report(path, 'subject-selects-nothing', { problem });
    }
    return [];
  }
  if (clusters.length > 1 && effect === 'allow') {
    const names = clusters.map((cluster) => cluster.name).join(', ');
    report(path, 'broad-subject', {
      problem: `The trust domain ${domain} is that of several clusters (${names}); all are meant`,
      suggestion: 'Use "serviceAccount: cluster/namespace/name".',
    });
  }
  return [{ kind: 'spiffeId', id: text }];
}
