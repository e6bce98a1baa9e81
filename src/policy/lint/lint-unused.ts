// SPDX-License-Identifier: Apache-2.0
import type { ShapedDocuments } from '../check/context.ts';
import type { DiagnosticList } from '../diagnostic.ts';
import type { Policy } from '../policy.ts';
import { type Path, placeAt } from '../source-tree.ts';

const NAME: Path = ['metadata', 'name'];

/** What was declared and selects nobody and nothing: a rule that was forgotten, or its remains. */
export function lintUnused(
  policy: Policy,
  documents: ShapedDocuments,
  found: DiagnosticList,
): void {
  const grants = documents.of('Grant');
  const subjects = [...grants, ...documents.of('Deny')].flatMap(({ spec }) => spec.subjects);
  const teams = new Set(
    subjects.flatMap(({ team, membersOf, workloadsOf }) => team ?? membersOf ?? workloadsOf ?? []),
  );
  for (const { name, rule, spec, parsed } of documents.of('Team')) {
    // What its workloads act as at Entra is used without any rule.
    const isActing = spec.workloads.some(({ entra }) => entra !== undefined);
    if (teams.has(name) || isActing) continue;
    found.add('declared-unused', placeAt(parsed.root, NAME), {
      rule: rule.name,
      by: 'Grant and no Deny',
    });
  }
  const roles = new Set(grants.map(({ namespace, spec }) => `${namespace}/${spec.role}`));
  for (const { namespace, name, rule, parsed } of documents.of('DataRole')) {
    if (roles.has(`${namespace}/${name}`)) continue;
    found.add('declared-unused', placeAt(parsed.root, NAME), { rule: rule.name, by: 'Grant' });
  }
  const classes = new Set(grants.map(({ spec }) => spec.serviceClass));
  for (const { name, rule, parsed } of documents.of('ServiceClass')) {
    if (classes.has(name)) continue;
    found.add('declared-unused', placeAt(parsed.root, NAME), { rule: rule.name, by: 'Grant' });
  }
  const granted = new Set(policy.grants.flatMap(({ targets }) => [...targets]));
  for (const { namespace, name, parsed } of documents.of('Target')) {
    const target = `${namespace}/${name}`;
    if (granted.has(target)) continue;
    found.add('target-ungranted', placeAt(parsed.root, NAME), { target });
  }
}
