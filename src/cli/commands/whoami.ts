// SPDX-License-Identifier: Apache-2.0
import { createPrivateKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { readMaterial } from '../../app/material.ts';
import { IdentityResolver } from '../../identity/resolver.ts';
import type { IdentityResult } from '../../identity/result.ts';
import { parseCertificates } from '../../identity/trust-bundles.ts';
import { systemClock } from '../../model/clock.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { silentLog } from '../../model/log.ts';
import { Secret } from '../../model/secret.ts';
import type { Policy } from '../../policy/policy.ts';
import { type AskingOptions, askedPolicy, askingOptions } from '../asking.ts';
import { printable } from '../audit-text.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { identityReport, reportJson, reportText } from '../identity-report.ts';
import { freshLogin } from '../login-renewal.ts';

interface WhoamiOptions extends AskingOptions {
  readonly tokenFile?: string;
  readonly tokenEnv?: string;
  readonly provider?: string;
  readonly cert?: string;
  readonly key?: string;
}

export const registerWhoami: RegisterCommand = (program, context, run) => {
  askingOptions(program.command('whoami'))
    .description('who you are to a declaration, and what it gives you')
    .option('--token-file <file>', 'file with a token')
    .option('--token-env <name>', 'environment variable with a token')
    .option('--provider <name>', 'the login of this provider, when there are several')
    .option('--cert <file>', 'certificate chain (PEM), leaf first')
    .option('--key <file>', 'its key, to check that the two belong together')
    .addHelpText(
      'after',
      '\n  postern whoami --token-file token\n  postern whoami --cert leaf.pem --key leaf-key.pem\n\nWithout an option: $POSTERN_TOKEN, else the token of `postern login`. The proof is verified\nhere, as a gateway with this declaration would; nothing is sent but requests for public keys.\nExit code: 0 verified, 1 not.',
    )
    .action((options: WhoamiOptions) => run(() => whoami(options, context)));
};

async function whoami(options: WhoamiOptions, context: CommandContext): Promise<ExitCode> {
  const policy = await askedPolicy(options, context);
  const result = await identify(policy, options, context);
  const now = systemClock.now();
  if (!result.ok) {
    if (options.json) context.out(JSON.stringify(result, null, 2));
    else context.err(printable(`Not verified: ${result.detail} [${result.reason}]`));
    return 1;
  }
  const report = identityReport(policy, result.principal, now);
  if (options.json) {
    context.out(JSON.stringify(reportJson(report), null, 2));
    return 0;
  }
  context.out(reportText(report, now));
  if (options.cert !== undefined && options.key === undefined) {
    context.out('\nThat you hold the key of this certificate was not checked (--key FILE).');
  }
  const allowed = report.targets.find((one) => one.login.effect === 'allow');
  const name = allowed?.target.split('/')[1];
  if (name !== undefined && name !== 'postern') context.out(`\nNext: postern connect ${name}`);
  return 0;
}

async function identify(
  policy: Policy,
  options: WhoamiOptions,
  context: CommandContext,
): Promise<IdentityResult> {
  const resolver = new IdentityResolver({
    policy,
    clock: systemClock,
    log: silentLog,
    readMaterial,
  });
  if (options.cert === undefined) return resolver.verifyToken(await tokenOf(options, context));
  const file = resolve(context.cwd, options.cert);
  const chain = readWith(file, parseCertificates);
  if (options.key !== undefined) {
    const keyFile = resolve(context.cwd, options.key);
    const key = readWith(keyFile, (pem) => createPrivateKey(pem));
    if (!chain[0]?.checkPrivateKey(key)) {
      const problem = `${options.key} is not the key of the certificate in ${options.cert}.`;
      throw new PosternError('usage', { problem });
    }
  }
  return resolver.verifyCertificateChain(chain, 'client-certificate');
}

async function tokenOf(options: WhoamiOptions, context: CommandContext): Promise<Secret> {
  if (options.tokenFile !== undefined) {
    return readWith(resolve(context.cwd, options.tokenFile), (text) => new Secret(text.trim()));
  }
  const name = options.tokenEnv ?? 'POSTERN_TOKEN';
  const value = options.provider === undefined ? context.env[name] : undefined;
  if (value) return new Secret(value.trim());
  if (options.tokenEnv !== undefined) {
    throw new PosternError('usage', { problem: `The environment variable ${name} is not set.` });
  }
  const login = await freshLogin(context, options.provider);
  if (login) return login.token;
  throw new PosternError('usage', {
    problem:
      'Nothing to verify: give --token-file, --token-env or --cert, or begin with postern login.',
  });
}

function readWith<T>(file: string, read: (text: string) => T): T {
  try {
    return read(readFileSync(file, 'utf8'));
  } catch (cause) {
    throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
  }
}
