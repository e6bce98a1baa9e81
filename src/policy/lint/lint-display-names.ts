// SPDX-License-Identifier: Apache-2.0
import type { ShapedDocuments } from '../check/context.ts';
import type { DiagnosticList, Place } from '../diagnostic.ts';
import type { SubjectSpec } from '../document/subject.ts';
import type { ShapedDocument } from '../shape.ts';
import { type Path, placeAt } from '../source-tree.ts';

interface Named {
  readonly kind: 'group' | 'user';
  readonly provider: string;
  readonly id: string;
  readonly displayName: string;
  readonly place: Place;
}

/** One id with two names, and two ids with one name: somebody copied the wrong line. */
export function lintDisplayNames(documents: ShapedDocuments, found: DiagnosticList): void {
  const names = [
    ...documents
      .of('Team')
      .flatMap((team) => namesOf(team.spec.members, ['spec', 'members'], team)),
    ...documents
      .of('Grant')
      .flatMap((grant) => namesOf(grant.spec.subjects, ['spec', 'subjects'], grant)),
    ...documents
      .of('Deny')
      .flatMap((deny) => namesOf(deny.spec.subjects, ['spec', 'subjects'], deny)),
  ];
  for (const [index, second] of names.entries()) {
    const { kind, provider, id, displayName, place } = second;
    const before = names
      .slice(0, index)
      .filter((one) => one.kind === kind && one.provider === provider);
    const renamed = before.find((one) => one.id === id && one.displayName !== displayName);
    const where = (one: Named) => `${one.place.file}:${one.place.line}`;
    if (renamed) {
      const problem = `The ${kind} ${id} is called "${displayName}" here and "${renamed.displayName}" at ${where(renamed)}`;
      found.add('display-name-conflict', place, { problem });
    }
    const namesake = before.find((one) => one.id !== id && one.displayName === displayName);
    if (namesake) {
      const problem = `"${displayName}" is the ${kind} ${id} here and ${namesake.id} at ${where(namesake)}`;
      found.add('display-name-conflict', place, { problem });
    }
  }
}

function namesOf(
  subjects: readonly SubjectSpec[],
  path: Path,
  { parsed }: ShapedDocument,
): readonly Named[] {
  return subjects.flatMap((subject, index) =>
    (['group', 'user'] as const).flatMap((kind): readonly Named[] => {
      const { provider, id, displayName } = subject[kind] ?? {};
      if (provider === undefined || id === undefined || displayName === undefined) return [];
      const place = placeAt(parsed.root, [...path, index, kind, 'displayName']);
      return [{ kind, provider, id, displayName, place }];
    }),
  );
}
