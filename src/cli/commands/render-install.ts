// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { basename, relative, resolve, sep } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { MountedFile } from '../../compile/install/install-options.ts';
import { installation } from '../../compile/install/installation.ts';
import { materialsOf } from '../../compile/install/material-file.ts';
import { PosternError } from '../../model/errors.ts';
import { VERSION } from '../../model/version.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { type RenderOptions, renderClusters, showArtifacts } from '../render-clusters.ts';

interface InstallCommandOptions extends RenderOptions {
  readonly image: string;
  readonly replicas: number;
  readonly storage: string;
}

const MANIFEST = '.postern-install.json';
const OWN_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/';
/** What the API server takes in one ConfigMap, with room for the rest of the object. */
const MAX_CONFIG_MAP_BYTES = 1_000_000;

export const registerRenderInstall: RegisterCommand = (program, context, run) => {
  program
    .command('install [paths...]')
    .description('write the objects that run Postern in a declared cluster')
    .option('--out <directory>', 'where to write, a directory per cluster; by default print')
    .option('--cluster <name>', 'this cluster only')
    .option('--image <image>', 'image of deploy/Dockerfile', `postern:${VERSION}`)
    .option('--replicas <number>', 'gateways', replicas, 2)
    .option('--storage <size>', 'volume of each gateway, for its audit', '10Gi')
    .option('--check', 'write nothing; exit 1 when --out is not up to date')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  postern render install --out mesh/ --image registry.example/postern:${VERSION}

The Secret with passwords and certificates is yours to make; the command for it is printed.
Exit code: 0 done, 1 not up to date (--check), 2 faults.`,
    )
    .action((paths: string[], _: InstallCommandOptions, command) =>
      run(() => install(paths, command.optsWithGlobals() as InstallCommandOptions, context)),
    );
};

async function install(
  paths: readonly string[],
  options: InstallCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const rendered = await renderClusters(paths, options, context);
  if (!rendered) return 2;
  const { policy, sources, clusters, found } = rendered;
  const { files, variables } = materialsOf(policy);
  const mounted = files
    .filter((file) => !file.startsWith(OWN_TOKEN))
    .map((file) => mountedFile(file, context.cwd));
  const documents = sources.map(({ path, text }) => ({
    ...mountedFile(resolve(context.cwd, path), context.cwd),
    text,
  }));
  const size = documents.reduce((sum, { text }) => sum + Buffer.byteLength(text), 0);
  if (size > MAX_CONFIG_MAP_BYTES) {
    const problem = `The declaration has ${size} bytes, and a ConfigMap holds ${MAX_CONFIG_MAP_BYTES}. Mount it from a volume of your own.`;
    throw new PosternError('usage', { problem });
  }
  const readsOwnToken = files.length > mounted.length;
  const { image, replicas, storage } = options;
  const given = { image, replicas, storage, documents, files: mounted, variables, readsOwnToken };
  const installed = clusters.flatMap(({ cluster, context: mesh }) =>
    mesh ? [{ cluster, mesh, artifacts: installation(mesh, given) }] : [],
  );
  const code = showArtifacts(installed, { options, found, manifest: MANIFEST }, context);
  if (options.out !== undefined && !options.json && !options.check) {
    const namespaces = new Set(installed.map(({ mesh }) => mesh.gateway.namespace));
    for (const namespace of namespaces) context.out(secretCommand(namespace, mounted, variables));
  }
  return code;
}

/** Files of a declaration are found relative to it, so they must be below one directory here too. */
function mountedFile(file: string, cwd: string): MountedFile {
  const path = relative(cwd, file).split(sep).join('/');
  if (path.startsWith('../') || path.startsWith('/')) {
    const problem = `${file} is not below ${cwd}: run this where the declaration and its files are.`;
    throw new PosternError('usage', { problem });
  }
  const tag = createHash('sha256').update(path).digest('hex').slice(0, 8);
  return { key: `${tag}-${basename(path).replace(/[^A-Za-z0-9._-]/g, '-')}`, path };
}

function secretCommand(
  namespace: string,
  files: readonly MountedFile[],
  variables: readonly string[],
): string {
  const given = [
    ...files.map(({ key, path }) => `--from-file=${key}=${path}`),
    ...variables.map((name) => `--from-literal=${name}="$${name}"`),
  ];
  if (given.length === 0) return 'Next: postern render --out for the Services and the mesh.';
  const lines = [`kubectl -n ${namespace} create secret generic postern-material`, ...given];
  return `Next: the Services and the mesh by postern render, and the Secret:\n  ${lines.join(' \\\n    ')}`;
}

function replicas(text: string): number {
  const count = Number(text);
  if (Number.isInteger(count) && count >= 1 && count <= 100) return count;
  throw new InvalidArgumentError('must be 1 to 100');
}
