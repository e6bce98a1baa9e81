// SPDX-License-Identifier: Apache-2.0
import { dirname, resolve } from 'node:path';
import type { DiagnosticCode, DiagnosticFacts, DiagnosticList } from '../diagnostic.ts';
import type { Kind } from '../document/kind.ts';
import { suggestion } from '../nearest.ts';
import type { Cluster, DataRole, IdentityProvider, ServiceClass, Target } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { type Path, placeAt } from '../source-tree.ts';

/** What is known while rules are checked; filled kind by kind, in the order of dependence. */
export interface CheckContext {
  readonly found: DiagnosticList;
  /** ms since the epoch; absent: nothing is judged by time. */
  readonly nowMs: number | undefined;
  readonly documents: ShapedDocuments;
  readonly clusters: Map<string, Cluster>;
  readonly providers: Map<string, IdentityProvider>;
  readonly targets: Map<string, Target>;
  readonly roles: Map<string, DataRole>;
  readonly serviceClasses: Map<string, ServiceClass>;
}

/** Documents by kind, and what was declared but had faults: that must not cause further ones. */
export interface ShapedDocuments {
  of<K extends Kind>(kind: K): readonly ShapedDocument<K>[];
  /** True when `id` (`name` or `namespace/name`) is declared with faults. */
  isFaulty(kind: Kind, id: string): boolean;
  hasFaulty(kind: Kind): boolean;
  /** Names of all, as rules are called: `Grant/data/orders`. */
  rules(): readonly string[];
  /** For a document whose fault was found only now. */
  markFaulty(document: ShapedDocument): void;
}

/** Records a fault at a path of one document. */
export type Report = (path: Path, code: DiagnosticCode, facts?: DiagnosticFacts) => void;

export function reportOn(document: ShapedDocument, found: DiagnosticList): Report {
  return (path, code, facts) => {
    // What a mapping seems to lack may be what was just taken out of it.
    if (document.pruned.some((gone) => isParent(path, gone))) return;
    found.add(code, placeAt(document.parsed.root, path), facts);
  };
}

function isParent(path: Path, of: Path): boolean {
  return path.length === of.length - 1 && path.every((step, index) => step === of[index]);
}

/** Which side of the policy a selector or subject stands on. */
export type Effect = 'allow' | 'deny';

/** Where a subject stands: the rule's side decides how what is unknown counts. */
export interface SubjectPlace {
  readonly context: CheckContext;
  readonly report: Report;
  readonly effect: Effect;
}

/** For a second resolution of what was already reported on. */
export const silent: Report = () => undefined;

/** `reference-unknown`, unless the thing exists but has faults of its own. */
export function reportUnknown(
  context: CheckContext,
  report: Report,
  path: Path,
  kind: Kind,
  name: string,
  known: Iterable<string>,
): void {
  if (context.documents.isFaulty(kind, name)) return;
  const none = `Declare a ${kind} of that name.`;
  const facts = { kind, name, suggestion: suggestion(name, known, none) };
  report(path, 'reference-unknown', facts);
}

/** The directory that relative credential files of a document start from. */
export function fileBase(document: ShapedDocument): string {
  const { directory, path } = document.parsed.source;
  return directory ?? dirname(path);
}

export function absoluteFile(document: ShapedDocument, path: string): string {
  return resolve(fileBase(document), path);
}
