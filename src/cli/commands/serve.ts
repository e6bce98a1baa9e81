// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import type { RegisterCommand } from '../command.ts';

export const registerServe: RegisterCommand = (program, context, run) => {
  program
    .command('serve')
    .description('run the gateway until SIGTERM')
    .option('--config <file>', 'settings', 'postern.yaml')
    .option('--check', 'only check settings, declaration and the files they name, then exit')
    .addHelpText(
      'after',
      `
  postern serve --check && postern serve

SIGTERM drains: idle sessions end at once, busy ones after their transaction.
SIGHUP loads the declaration again; saving a file does so as well. Settings are read once.
Exit code: 0 stopped or good, 2 settings or declaration, 3 files, ports or the audit.`,
    )
    .action((options: { config: string; check?: boolean }) =>
      run(async () => {
        // Loaded here: the other commands start faster without the gateway's modules.
        const { runGateway } = await import('../../app/run-gateway.ts');
        const file = resolve(context.cwd, options.config);
        const { out, err } = context;
        return runGateway(file, { checkOnly: options.check === true, out, err });
      }),
    );
};
