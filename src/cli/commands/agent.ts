// SPDX-License-Identifier: Apache-2.0
import { resolve } from 'node:path';
import { parseDuration } from '../../model/duration.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { endpoint } from '../address.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { callerToken } from '../gateway-call.ts';
import { runProgram } from '../run-program.ts';

interface AgentCommandOptions {
  readonly authority: string;
  readonly ca: string;
  readonly dir: string;
  readonly tokenFile?: string;
  readonly life?: string;
  readonly health?: string;
  readonly once?: boolean;
}

export const registerAgent: RegisterCommand = (program, context, run) => {
  program
    .command('agent [command...]')
    .description('keep the certificate files of a workload fresh')
    .requiredOption('--authority <url>', 'the authority, https://host:port')
    .requiredOption('--ca <file>', 'PEM roots that vouch for the authority')
    .option('--dir <directory>', 'where the files go', './identity')
    .option('--token-file <file>', 'file with your token (default: $POSTERN_TOKEN, then login)')
    .option('--life <duration>', 'how long a certificate lives (default: as the authority says)')
    .option('--health <host:port>', 'answer /healthz there: 503 when the certificate gets stale')
    .option('--once', 'get a certificate unless the present one is before its half life, and end')
    .addHelpText(
      'after',
      `
  postern agent --authority https://ca.example:8443 --ca bundle.pem --dir /run/postern \\
    --token-file /var/run/secrets/tokens/postern -- systemctl reload orders

Writes certificate.pem, key.pem, both in one as identity.pem, and bundle.pem (the roots),
mode 0600, all replaced at once, and renews at half life. The token is read again each time. While the authority is away the
old files stay and it is asked again, with growing pauses. The command after -- is run
each time the files were replaced, with $POSTERN_CERTIFICATE, $POSTERN_KEY and
$POSTERN_BUNDLE.
Exit code: 0 stopped; with --once: 0 good, that of the command, 1 refused, 3 not reached.`,
    )
    .action((command: string[], options: AgentCommandOptions) =>
      run(() => agent(command, options, context)),
    );
};

async function agent(
  command: readonly string[],
  options: AgentCommandOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const { life, health, once = false, tokenFile } = options;
  if (life !== undefined && parseDuration(life) === undefined) {
    throw new PosternError('usage', { problem: `"${life}" is not a duration such as 1h.` });
  }
  const hook = new Hook(command, context);
  const directory = resolve(context.cwd, options.dir);
  // Loaded here: the other commands start faster without it.
  const { runAgent } = await import('../../app/run-agent.ts');
  const { renewed } = await runAgent({
    authority: authorityUrl(options.authority),
    roots: resolve(context.cwd, options.ca),
    directory,
    token: () => callerToken(context, tokenFile),
    ...(life !== undefined && { life }),
    ...(health !== undefined && { health: endpoint(health) }),
    once,
    replaced: (paths) => hook.run(paths),
  });
  if (!once) return 0;
  context.out(
    renewed ? `A new certificate is in ${directory}.` : `The certificate in ${directory} is good.`,
  );
  return hook.result;
}

/** Runs the command, one run at a time; what is asked for meanwhile leads to one more. */
class Hook {
  readonly #command: readonly string[];
  readonly #context: CommandContext;
  #running: Promise<ExitCode> | undefined;
  #again: Readonly<Record<string, string>> | undefined;

  constructor(command: readonly string[], context: CommandContext) {
    this.#command = command;
    this.#context = context;
  }

  /** Of the run under way, or the last one. */
  get result(): Promise<ExitCode> {
    return this.#running ?? Promise.resolve(0);
  }

  run(paths: Readonly<Record<string, string>>): void {
    if (this.#command.length === 0) return;
    if (this.#again) {
      this.#again = paths;
      return;
    }
    this.#again = paths;
    this.#running = this.result.then(() => this.#next());
  }

  async #next(): Promise<ExitCode> {
    const paths = this.#again ?? {};
    this.#again = undefined;
    const [program = ''] = this.#command;
    try {
      const code = await runProgram(this.#command, paths, this.#context);
      if (code !== 0) this.#context.err(`postern: ${program} ended with ${code}`);
      return code;
    } catch (cause) {
      this.#context.err(`postern: ${program}: ${problemText(cause)}`);
      return 3;
    }
  }
}

function authorityUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : undefined;
  if (url?.protocol === 'https:' && url.username === '' && url.pathname === '/') return url;
  throw new PosternError('usage', { problem: `"${text}" is not https://host:port.` });
}
