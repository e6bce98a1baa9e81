// SPDX-License-Identifier: Apache-2.0
import type { RegisterCommand } from '../command.ts';
import { type RenderOptions, renderClusters, showArtifacts } from '../render-clusters.ts';
import { registerRenderInstall } from './render-install.ts';

/** Which files of a directory are Postern's; beside them anything else may stay. */
const MANIFEST = '.postern-render.json';

export const registerRender: RegisterCommand = (program, context, run) => {
  const command = program
    .command('render [paths...]')
    .description('write what the meshes of the declared clusters must hold, as files for GitOps')
    .option('--out <directory>', 'where to write, a directory per cluster; by default print')
    .option('--cluster <name>', 'this cluster only')
    .option('--check', 'write nothing; exit 1 when --out is not up to date')
    .option('--json', 'print JSON')
    .addHelpText(
      'after',
      `
  postern render --out mesh/
  postern render --out mesh/ --check
  postern render --cluster prod-weu | kubectl diff -f -

In --out only files that an earlier run wrote are changed or removed.
Without paths: "policy:" of ./postern.yaml, else ./policy.
Exit code: 0 done, 1 not up to date (--check), 2 faults.`,
    )
    .action((paths: string[], options: RenderOptions) =>
      run(async () => {
        const rendered = await renderClusters(paths, options, context);
        if (!rendered) return 2;
        const { clusters, found } = rendered;
        return showArtifacts(clusters, { options, found, manifest: MANIFEST }, context);
      }),
    );
  registerRenderInstall(command, context, run);
};
