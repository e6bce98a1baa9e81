// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { builtInRoles, POSTERN_TARGET } from './check/built-in.ts';
import { checkCertificates } from './check/certificates.ts';
import { checkClusters } from './check/clusters.ts';
import type { CheckContext, ShapedDocuments } from './check/context.ts';
import { readDocuments } from './check/documents.ts';
import { checkExpectations } from './check/expectations.ts';
import { checkProviders } from './check/providers.ts';
import { checkRoles } from './check/roles.ts';
import { checkDenies, checkGrants, checkServiceClasses } from './check/rules.ts';
import { checkTargets } from './check/targets.ts';
import { checkTeams } from './check/teams.ts';
import { type Diagnostic, DiagnosticList } from './diagnostic.ts';
import { type ParsedDocument, parseSource, type Source } from './parse.ts';
import type { Policy, Target } from './policy.ts';
import { canonicalText } from './source-tree.ts';

export interface CheckOptions {
  /** ms since the epoch, to find expired Grants; absent: none is called expired. */
  readonly nowMs?: number;
}

export interface CheckResult {
  /** Absent when there is any error. */
  readonly policy?: Policy;
  readonly diagnostics: readonly Diagnostic[];
  /** What the revision is the sha256 of: one line of JSON per document, sorted. */
  readonly canonical: string;
  /** What was read, fault by fault or not; for findings that need more than the Policy says. */
  readonly documents: ShapedDocuments;
}

/**
 * Sources -> Policy, or every fault at once. Pure: reads no file, and the same documents give the
 * same revision whatever their files, order, comments and spelling.
 */
export function checkSources(sources: readonly Source[], options: CheckOptions = {}): CheckResult {
  const found = new DiagnosticList();
  const parsed = sources.flatMap((source) => parseSource(source, found));
  const context: CheckContext = {
    found,
    nowMs: options.nowMs,
    documents: readDocuments(parsed, found),
    clusters: new Map(),
    providers: new Map(),
    targets: new Map([[POSTERN_TARGET.id, POSTERN_TARGET]]),
    roles: new Map(),
    serviceClasses: new Map(),
  };
  const canonical = canonicalDocuments(parsed);
  const policy = buildPolicy(context, createHash('sha256').update(canonical).digest('hex'));
  const diagnostics = found.sorted();
  const read = { diagnostics, canonical, documents: context.documents };
  return found.hasErrors ? read : { policy, ...read };
}

/** In the order of dependence: a kind only refers to kinds before it. */
function buildPolicy(context: CheckContext, revision: string): Policy {
  checkClusters(context);
  checkProviders(context);
  checkCertificates(context);
  const teams = checkTeams(context);
  checkTargets(context);
  checkRoles(context);
  addBuiltInRoles(context);
  checkServiceClasses(context);
  return {
    revision,
    clusters: context.clusters,
    providers: context.providers,
    teams,
    targets: context.targets,
    roles: context.roles,
    grants: checkGrants(context),
    denies: checkDenies(context),
    serviceClasses: context.serviceClasses,
    expectations: checkExpectations(context),
  };
}

function addBuiltInRoles(context: CheckContext): void {
  for (const target of context.targets.values()) {
    for (const role of builtInRoles(target, schemasOf(target, context))) {
      context.roles.set(role.id, role);
    }
  }
}

function schemasOf(target: Target, context: CheckContext): readonly string[] {
  if ('schemas' in target.system) return target.system.schemas;
  const documents = context.documents.of('Target');
  const spec = documents.find((one) => `${one.namespace}/${one.name}` === target.id)?.spec;
  return spec?.azureSql?.schemas ?? spec?.synapse?.schemas ?? [];
}

function canonicalDocuments(parsed: readonly ParsedDocument[]): string {
  return parsed
    .map((one) => `${canonicalText(one.root)}\n`)
    .sort()
    .join('');
}
