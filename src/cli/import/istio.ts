// SPDX-License-Identifier: Apache-2.0
import { readMeshOf } from '../../app/read-mesh.ts';
import { importIstio, trustDomainOf } from '../../import/istio/import-istio.ts';
import { readManifests } from '../../manifest/manifest.ts';
import { PosternError } from '../../model/errors.ts';
import { checkSources } from '../../policy/check.ts';
import { diagnosticsText } from '../../policy/diagnostic-text.ts';
import type { Source } from '../../policy/parse.ts';
import { readSources } from '../../policy/read-sources.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { type DeliveryOptions, declaredSources, deliver } from './deliver.ts';

export interface IstioOptions extends DeliveryOptions {
  readonly name: string;
  readonly context?: string;
  readonly clusterName: string;
  readonly trustDomain?: string;
  readonly role: string;
  readonly schema?: readonly string[];
}

/** Objects of a mesh, from files or a cluster -> a declaration and a report. */
export async function importFromIstio(
  paths: readonly string[],
  options: IstioOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { name } = options;
  const declared = await declaredSources(options, name, context);
  const sources = await sourcesOf(paths, options, context);
  const { manifests, faults } = readManifests(sources);
  const errors = faults.filter(({ severity }) => severity === 'error');
  if (errors.length > 0) {
    context.err(diagnosticsText(errors, sources));
    throw new PosternError('policy-invalid', {
      count: errors.length,
      hint: 'Nothing was written: what cannot be read cannot be carried over.',
    });
  }
  if (faults.length > 0) context.err(diagnosticsText(faults, sources));
  const imported = importIstio(manifests, {
    cluster: options.clusterName,
    trustDomain: options.trustDomain ?? trustDomainOf(manifests),
    role: options.role,
    schemas: options.schema ?? [],
    taken: new Set(checkSources(declared).documents.rules()),
  });
  if (options.schema === undefined) {
    context.err(
      'The mesh does not know schemas: each Target has one of its own name. Correct it, or say --schema.',
    );
  }
  const next = `postern check ${options.out ?? 'DIRECTORY'}`;
  return deliver({ name, imported, declared, next }, options, context);
}

async function sourcesOf(
  paths: readonly string[],
  options: IstioOptions,
  context: CommandContext,
): Promise<readonly Source[]> {
  if (options.context !== undefined) {
    if (paths.length > 0) {
      throw new PosternError('usage', { problem: 'Give either files or --context, not both.' });
    }
    return readMeshOf(options.context, context.env);
  }
  if (paths.length === 0) {
    throw new PosternError('usage', {
      problem: 'Name files with objects, or a cluster with --context.',
    });
  }
  const { sources, faults } = await readSources(paths, context.cwd);
  const [fault] = faults;
  if (fault)
    throw new PosternError('file-unreadable', { file: fault.file, problem: fault.message });
  return sources;
}
