// SPDX-License-Identifier: Apache-2.0
import type { IdentityProvider, OidcPreset } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { pathText } from '../source-tree.ts';
import { type CheckContext, type Report, reportOn } from './context.ts';
import { readKeySet, readMaterial } from './material.ts';
import { checkUrl } from './url.ts';

type ProviderDocument = ShapedDocument<'IdentityProvider'>;
type OidcSpec = ProviderDocument['spec']['oidc'];

const OIDC = ['spec', 'oidc'] as const;

/** What a preset fills in; immutable ids are preferred over names wherever there is a choice. */
interface Preset {
  readonly makes: IdentityProvider['makes'];
  readonly claims: IdentityProvider['claims'];
  /** Keys that only make sense for this preset. */
  readonly keys: readonly ('tenant' | 'authority' | 'organizationId' | 'claims' | 'makes')[];
}

const PRESETS: Readonly<Record<OidcPreset, Preset>> = {
  // `oid` is the same across applications; `sub` is pairwise, names and mail addresses change.
  entra: {
    makes: 'user',
    claims: { subject: 'oid', groups: 'groups', roles: 'roles' },
    keys: ['tenant', 'authority'],
  },
  // `uid` stays; `sub` is the login name of an Okta user.
  okta: { makes: 'user', claims: { subject: 'uid', groups: 'groups' }, keys: [] },
  github: { makes: 'ci', claims: { subject: 'sub' }, keys: [] },
  gitlab: { makes: 'ci', claims: { subject: 'sub' }, keys: [] },
  'azure-devops': { makes: 'ci', claims: { subject: 'sub' }, keys: ['organizationId'] },
  kubernetes: { makes: 'agent', claims: { subject: 'sub' }, keys: [] },
  generic: { makes: 'user', claims: { subject: 'sub' }, keys: ['claims', 'makes'] },
};

export function checkProviders(context: CheckContext): void {
  const owners = new Map<string, string>();
  for (const cluster of context.clusters.values()) {
    const issuer = cluster.serviceAccountTokens?.issuer;
    if (issuer !== undefined) owners.set(issuer, `Cluster/${cluster.name}`);
  }
  for (const document of context.documents.of('IdentityProvider')) {
    const report = reportOn(document, context.found);
    const provider = readProvider(document, report);
    context.providers.set(provider.name, provider);
    for (const issuer of provider.issuers) {
      const first = owners.get(issuer);
      const second = document.rule.name;
      if (provider.preset === 'kubernetes') {
        // Only a Cluster says which cluster a service account is in; it answers for the issuer.
        if (first?.startsWith('Cluster/')) continue;
        report([...OIDC, 'issuer'], 'provider-without-cluster', { issuer });
      }
      if (first === undefined) owners.set(issuer, second);
      else report([...OIDC, 'issuer'], 'duplicate-issuer', { issuer, first, second });
    }
  }
}

function readProvider(document: ProviderDocument, report: Report): IdentityProvider {
  const { oidc, sessionMax } = document.spec;
  const preset = PRESETS[oidc.preset];
  refuseForeignKeys(oidc, preset, report);
  const jwks = oidc.jwks && readKeySet(oidc.jwks, [...OIDC, 'jwks'], document, report);
  const ca = oidc.ca && readMaterial(oidc.ca, [...OIDC, 'ca'], document, report);
  const claims = oidc.claims;
  return {
    rule: document.rule,
    name: document.name,
    preset: oidc.preset,
    issuers: issuersOf(oidc, report),
    audiences: oidc.audiences,
    ...(jwks && { jwks }),
    ...(ca && { ca }),
    ...(oidc.tenant !== undefined && { tenant: oidc.tenant }),
    sessionMaxMs: sessionMax,
    claims: claims
      ? {
          subject: claims.subject,
          ...(claims.groups !== undefined && { groups: claims.groups }),
          ...(claims.roles !== undefined && { roles: claims.roles }),
        }
      : preset.claims,
    makes: oidc.makes ?? preset.makes,
    ...(oidc.login && { login: readLogin(oidc.login) }),
  };
}

function readLogin(login: NonNullable<OidcSpec['login']>): NonNullable<IdentityProvider['login']> {
  const { clientId, scopes, resource } = login;
  return { clientId, scopes, ...(resource !== undefined && { resource }) };
}

function refuseForeignKeys(oidc: OidcSpec, preset: Preset, report: Report): void {
  for (const key of ['tenant', 'authority', 'organizationId', 'claims', 'makes'] as const) {
    if (oidc[key] === undefined || preset.keys.includes(key)) continue;
    const path = [...OIDC, key];
    const problem = `the preset ${oidc.preset} has no "${key}"`;
    report(path, 'value-invalid', { where: pathText(path), problem, suggestion: 'Remove it.' });
  }
}

/** Exact `iss` values. An explicit issuer replaces what the preset would fill in. */
function issuersOf(oidc: OidcSpec, report: Report): readonly string[] {
  const need = (key: string) => {
    report(OIDC, 'key-missing', { where: `${pathText(OIDC)} of preset ${oidc.preset}`, key });
    return [];
  };
  // The tenant is compared with the claim `tid` even when the issuer is explicit.
  if (oidc.preset === 'entra' && oidc.tenant === undefined) return need('tenant');
  if (oidc.issuer !== undefined) {
    return checkUrl(oidc.issuer, [...OIDC, 'issuer'], report) ? [oidc.issuer] : [];
  }
  switch (oidc.preset) {
    case 'entra':
      return entraIssuers(oidc, report);
    case 'github':
      return ['https://token.actions.githubusercontent.com'];
    case 'gitlab':
      return ['https://gitlab.com'];
    case 'azure-devops':
      if (oidc.organizationId === undefined) return need('organizationId');
      return [`https://vstoken.dev.azure.com/${oidc.organizationId}`];
    default:
      return need('issuer');
  }
}

const ENTRA_AUTHORITY = 'https://login.microsoftonline.com';
/** Hosts of version 1 issuers; the US Government cloud shares the one of the public cloud. */
const ENTRA_V1_HOSTS: Readonly<Record<string, string>> = {
  [ENTRA_AUTHORITY]: 'https://sts.windows.net',
  'https://login.microsoftonline.us': 'https://sts.windows.net',
  'https://login.partner.microsoftonline.cn': 'https://sts.chinacloudapi.cn',
  'https://login.chinacloudapi.cn': 'https://sts.chinacloudapi.cn',
};

/** The resource application chooses the token version, so both must be accepted per tenant. */
function entraIssuers(oidc: OidcSpec, report: Report): readonly string[] {
  const authority = (oidc.authority ?? ENTRA_AUTHORITY).replace(/\/+$/, '');
  if (!checkUrl(authority, [...OIDC, 'authority'], report)) return [];
  const version1 = ENTRA_V1_HOSTS[authority] ?? authority;
  return [`${version1}/${oidc.tenant}/`, `${authority}/${oidc.tenant}/v2.0`];
}

/** Which kinds of principal a provider's tokens can stand for. */
export function principalKinds(provider: IdentityProvider): readonly ('user' | 'ci' | 'agent')[] {
  if (provider.preset === 'entra' || provider.preset === 'okta') return ['user', 'agent'];
  return provider.preset === 'kubernetes' ? [] : [provider.makes];
}
