// SPDX-License-Identifier: Apache-2.0

/** What an `iss` says about where it comes from. */
export interface IssuerProblem {
  readonly problem: string;
  readonly suggestion: string;
}

const DISCOVERY = '/.well-known/openid-configuration';
const ENTRA_V1 = /^https:\/\/sts\.(windows\.net|chinacloudapi\.cn)\/([^/]*)(\/?)(.*)$/;
const ENTRA_V2 =
  /^https:\/\/login\.(microsoftonline\.(?:com|us)|chinacloudapi\.cn)\/([^/]*)\/?(.*)$/;
/** Words that stand for a tenant in addresses and never in tokens. */
const NO_TENANT = new Set(['common', 'organizations', 'consumers', '{tenantid}']);

/** Which version of Entra's access tokens has this issuer. */
export function entraVersion(issuer: string): 1 | 2 | undefined {
  if (ENTRA_V1.test(issuer)) return 1;
  return ENTRA_V2.test(issuer) ? 2 : undefined;
}

/** The tenant in an Entra issuer of either version. */
export function entraTenant(issuer: string): string | undefined {
  return (ENTRA_V1.exec(issuer) ?? ENTRA_V2.exec(issuer))?.[2];
}

/**
 * Why no token can have this issuer, from the forms that the providers document; undefined when
 * nothing is known against it. An `iss` is compared as a whole, so a slash decides.
 */
export function issuerProblem(issuer: string): IssuerProblem | undefined {
  if (issuer.endsWith(DISCOVERY)) {
    return {
      problem: 'it is the address of the discovery document',
      suggestion: `Write "${issuer.slice(0, -DISCOVERY.length)}", or what that document says.`,
    };
  }
  return entraProblem(issuer) ?? hostedProblem(issuer);
}

function entraProblem(issuer: string): IssuerProblem | undefined {
  const [, , tenant = '', slash = '', rest = ''] = ENTRA_V1.exec(issuer) ?? [];
  if (ENTRA_V1.test(issuer)) {
    if (NO_TENANT.has(tenant)) return noTenant(tenant);
    if (slash === '/' && rest === '') return undefined;
    const base = issuer.slice(0, issuer.indexOf(tenant) + tenant.length);
    return {
      problem: 'version 1 tokens of Entra end it with the tenant and a slash',
      suggestion: `Write "${base}/".`,
    };
  }
  const [, , second = '', end = ''] = ENTRA_V2.exec(issuer) ?? [];
  if (!ENTRA_V2.test(issuer)) return undefined;
  if (NO_TENANT.has(second)) return noTenant(second);
  if (end === 'v2.0' && !issuer.endsWith('/')) return undefined;
  const base = issuer.slice(0, issuer.indexOf(second) + second.length);
  return {
    problem: 'version 2 tokens of Entra end it with "/v2.0" and no slash',
    suggestion: `Write "${base}/v2.0"; version 1 tokens have "https://sts.windows.net/${second}/".`,
  };
}

function noTenant(word: string): IssuerProblem {
  return {
    problem: `"${word}" stands for a tenant in addresses; tokens carry the id of one`,
    suggestion: 'Declare an IdentityProvider for each tenant, with its id.',
  };
}

const WITHOUT_SLASH: readonly (readonly [host: RegExp, provider: string])[] = [
  [/^https:\/\/token\.actions\.githubusercontent\.com\//, 'GitHub Actions'],
  [/^https:\/\/gitlab\.com\//, 'GitLab'],
  [/^https:\/\/vstoken\.dev\.azure\.com\//, 'Azure Pipelines'],
  [/^https:\/\/[a-z0-9-]+\.okta(?:preview|-emea)?\.com\//, 'Okta'],
  [/^https:\/\/oidc\.eks\.[a-z0-9-]+\.amazonaws\.com\//, 'EKS'],
  [/^https:\/\/container\.googleapis\.com\//, 'GKE'],
];

function hostedProblem(issuer: string): IssuerProblem | undefined {
  const okta = /^https:\/\/[a-z0-9-]+?(-admin)?\.okta(?:preview|-emea)?\.com(\/.*)?$/.exec(issuer);
  if (okta?.[1] !== undefined) {
    return {
      problem: 'the host with "-admin" is the console of Okta, not the issuer',
      suggestion: `Write "${issuer.replace('-admin.', '.')}".`,
    };
  }
  if (okta && (okta[2] ?? '/') === '/') {
    return {
      problem: 'access tokens of the organization itself cannot be verified by others',
      suggestion: 'Use a custom authorization server, such as ".../oauth2/default".',
    };
  }
  const [, provider] = WITHOUT_SLASH.find(([host]) => host.test(issuer)) ?? [];
  if (provider !== undefined && issuer.endsWith('/')) {
    return {
      problem: `tokens of ${provider} have it without the slash at the end`,
      suggestion: `Write "${issuer.replace(/\/+$/, '')}".`,
    };
  }
  if (/^https:\/\/[a-z0-9-]+\.oic\.[a-z0-9.-]*azure\.com\/.*[^/]$/.test(issuer)) {
    return {
      problem: 'tokens of AKS have it with a slash at the end',
      suggestion: `Write "${issuer}/".`,
    };
  }
  return undefined;
}
