// SPDX-License-Identifier: Apache-2.0
import { readMaterial } from '../../app/material.ts';
import type { DeviceLogin, DevicePrompt, GivenTokens } from '../../identity/device-login.ts';
import { IdentityResolver } from '../../identity/resolver.ts';
import { systemClock } from '../../model/clock.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { silentLog } from '../../model/log.ts';
import type { Principal } from '../../model/principal.ts';
import { Secret } from '../../model/secret.ts';
import type { IdentityProvider, Policy } from '../../policy/policy.ts';
import { type AskingOptions, askedPolicy } from '../asking.ts';
import { printable } from '../audit-text.ts';
import type { CommandContext, ExitCode, RegisterCommand } from '../command.ts';
import { saveLogin } from '../login-store.ts';

interface LoginOptions extends Pick<AskingOptions, 'policy'> {
  readonly clientId?: string;
  readonly scope?: readonly string[];
  readonly refresh: boolean;
}

/** The person has as long as the provider's code lives, and never longer than this. */
const PATIENCE_MS = 15 * 60_000;

export const registerLogin: RegisterCommand = (program, context, run) => {
  program
    .command('login [provider]')
    .description('get a token from an identity provider, in your browser')
    .option('--policy <path...>', 'declaration (default: "policy:" of ./postern.yaml, ./policy)')
    .option('--client-id <id>', 'public client to log in with (default: `login` of the provider)')
    .option('--scope <scope...>', 'scopes to ask for (default: `login` of the provider)')
    .option('--no-refresh', 'keep no refresh token')
    .addHelpText(
      'after',
      `
  postern login people

The token is kept in $XDG_STATE_HOME/postern/login (~/.local/state/postern/login), readable
by you alone. With it a refresh token, where the provider gives one (scope offline_access):
other commands get the next token with it, without asking you. Delete the file to log out.`,
    )
    .action((name: string | undefined, options: LoginOptions) =>
      run(() => login(name, options, context)),
    );
};

async function login(
  name: string | undefined,
  options: LoginOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const policy = await askedPolicy(options, context);
  const provider = chosenProvider(policy, name);
  const request = requestFor(provider, options);
  const given = await tokensFrom(provider, request, context);
  const found = await firstAccepted(policy, given.tokens);
  if (!found.principal) {
    context.err(`${provider.name} gave no token that this declaration accepts:`);
    for (const problem of found.problems) context.err(printable(`  ${problem}`));
    return 1;
  }
  const { id, expiresAt } = found.principal;
  const { token, use } = found;
  const { refreshToken } = given;
  const { issuer, clientId, resource, ca } = request;
  const optional = { ...(resource !== undefined && { resource }), ...(ca !== undefined && { ca }) };
  const client = { issuer, clientId, ...optional };
  const renewal = refreshToken && options.refresh && { client, refreshToken, use };
  const login = { provider: provider.name, token, expiresAt, ...(renewal && { renewal }) };
  const file = saveLogin(context, login);
  const after = renewal ? '; the next token is asked for by itself' : '';
  context.out(printable(`You are ${id} until ${new Date(expiresAt).toISOString()}${after}.`));
  context.out(`Kept in ${file}\n\nNext: postern whoami, or postern connect TARGET`);
  return 0;
}

function chosenProvider(policy: Policy, name: string | undefined): IdentityProvider {
  const all = [...policy.providers.values()];
  const forPeople = all.filter((one) => one.login !== undefined);
  const [only] = forPeople;
  const found = name === undefined ? forPeople.length === 1 && only : policy.providers.get(name);
  if (found) return found;
  const names = (name === undefined ? forPeople : all).map((one) => one.name).join(', ');
  throw new PosternError('usage', {
    problem:
      name === undefined
        ? names === ''
          ? 'No IdentityProvider of the declaration has oidc.login: declare it, or give NAME and --client-id.'
          : `Say which provider: ${names}.`
        : `There is no IdentityProvider ${name}; there are: ${names || 'none'}.`,
  });
}

function requestFor(provider: IdentityProvider, options: LoginOptions): DeviceLogin {
  const clientId = options.clientId ?? provider.login?.clientId;
  if (clientId === undefined) {
    throw new PosternError('usage', {
      problem: `IdentityProvider ${provider.name} has no oidc.login.clientId; declare it or give --client-id.`,
    });
  }
  // Entra's version 1 has no device flow of its own; version 2 gives tokens of both versions.
  const issuer = provider.issuers.find((one) => one.endsWith('/v2.0')) ?? provider.issuers[0] ?? '';
  const { resource } = provider.login ?? {};
  return {
    issuer,
    clientId,
    refresh: options.refresh,
    scopes: options.scope ?? provider.login?.scopes ?? ['openid'],
    ...(resource !== undefined && { resource }),
    ...(provider.ca && { ca: readMaterial(provider.ca) }),
  };
}

async function tokensFrom(
  provider: IdentityProvider,
  request: DeviceLogin,
  context: CommandContext,
): Promise<GivenTokens> {
  // Only here: a gateway has no need of an OAuth client in its memory.
  const { deviceLogin } = await import('../../identity/device-login.ts');
  const say = (what: DevicePrompt) => context.out(printableLines(what));
  try {
    return await deviceLogin(request, say, AbortSignal.timeout(PATIENCE_MS));
  } catch (cause) {
    const problem = problemText(cause instanceof Error ? (cause.cause ?? cause) : cause);
    throw new PosternError('provider-unreachable', { provider: provider.name, problem }, cause);
  }
}

function printableLines(what: DevicePrompt): string {
  const minutes = Math.floor(what.expiresInSeconds / 60);
  return [
    `Open   ${printable(what.urlWithCode ?? what.url)}`,
    `Code   ${printable(what.code)}   (good for ${minutes} minutes)`,
    'Waiting for you...',
  ].join('\n');
}

type Accepted =
  | { readonly principal: Principal; readonly token: Secret; readonly use: 'access' | 'id' }
  | { readonly principal?: never; readonly problems: readonly string[] };

async function firstAccepted(policy: Policy, tokens: GivenTokens['tokens']): Promise<Accepted> {
  const clock = systemClock;
  const resolver = new IdentityResolver({ policy, clock, log: silentLog, readMaterial });
  const problems: string[] = [];
  for (const { use, text } of tokens) {
    const token = new Secret(text);
    const result = await resolver.verifyToken(token);
    if (result.ok) return { principal: result.principal, token, use };
    problems.push(`${result.detail} [${result.reason}]`);
  }
  return { problems };
}
