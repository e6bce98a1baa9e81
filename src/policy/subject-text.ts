// SPDX-License-Identifier: Apache-2.0
import { patternText } from './condition-text.ts';
import type { SubjectMatcher } from './policy.ts';

/** A subject in the words of principal ids, `*` for "every": for people and tables. */
export function subjectText(subject: SubjectMatcher): string {
  switch (subject.kind) {
    case 'workload':
      return workloadText(subject);
    case 'spiffeId':
      return subject.id;
    case 'user':
      return `user/${subject.provider}/${subject.id}`;
    case 'group': {
      const name = subject.displayName === undefined ? '' : ` (${subject.displayName})`;
      return `group ${subject.provider}/${subject.id}${name}`;
    }
    case 'appRole':
      return `app role ${subject.provider}/${subject.value}`;
    case 'ci':
      return ciText(subject);
    case 'agent': {
      const itself = `agent/${subject.provider}/${subject.client}`;
      return subject.onBehalfOf ? `${itself} for ${subjectText(subject.onBehalfOf)}` : itself;
    }
    case 'any':
      return `every ${subject.of === 'ci' ? 'CI job' : subject.of}`;
  }
}

function workloadText(subject: Extract<SubjectMatcher, { kind: 'workload' }>): string {
  return [...subject.clusters]
    .sort()
    .map((cluster) => {
      const prefix = `workload/${cluster}`;
      const allowed = subject.namespaces?.get(cluster);
      const spared = [...(subject.exceptNamespaces?.get(cluster) ?? [])].sort();
      const within = allowed ? ` in ${list(allowed)}` : '';
      const except = spared.length > 0 ? ` except ${list(spared)}` : '';
      if (subject.serviceAccounts) {
        return `${prefix}/${list(subject.serviceAccounts)}${within}${except}`;
      }
      return `${prefix}/${allowed ? list(allowed) : '*'}/*${except}`;
    })
    .join(', ');
}

function list(texts: Iterable<string>): string {
  const sorted = [...texts].sort();
  return sorted.length === 1 ? (sorted[0] ?? '') : `{${sorted.join(', ')}}`;
}

function ciText(subject: Extract<SubjectMatcher, { kind: 'ci' }>): string {
  const { provider, repository, environment, ownerId, repositoryId, ref } = subject;
  const details = [
    ...(ownerId === undefined ? [] : [`owner ${ownerId}`]),
    ...(repositoryId === undefined ? [] : [`repository id ${repositoryId}`]),
    ...(ref === undefined ? [] : [`ref ${patternText(ref)}`]),
  ];
  const suffix = details.length > 0 ? ` (${details.join(', ')})` : '';
  return `ci/${provider}/${repository ?? '*'}@${environment ?? '*'}${suffix}`;
}
