// SPDX-License-Identifier: Apache-2.0
import { OIDC_PRESETS, type OidcPreset } from '../../policy/policy.ts';

/** What differs between providers in a first declaration; lines as they stand in the files. */
export interface ProviderSkeleton {
  /** Below `oidc:` of the IdentityProvider. */
  readonly oidc: readonly string[];
  /** The subject of the first Grant. */
  readonly subject: string;
  /** Below `spec:` of the Expectation that this subject can read. */
  readonly as: readonly string[];
  /** What the reader has to replace. */
  readonly replace: string;
}

/** `kubernetes` is left out: its tokens are vouched for by the Cluster, which is always written. */
export type SkeletonPreset = Exclude<OidcPreset, 'kubernetes'>;
export const SKELETON_PRESETS: readonly SkeletonPreset[] = OIDC_PRESETS.filter(
  (preset): preset is SkeletonPreset => preset !== 'kubernetes',
);

const GROUP = '00000000-0000-0000-0000-000000000002';
const PERSON = '00000000-0000-0000-0000-000000000003';

function ciSkeleton(name: string, oidc: readonly string[], repository: string): ProviderSkeleton {
  return {
    oidc,
    subject: `ci: {provider: ${name}, ownerId: "1001", repositoryId: "2002", environment: production}`,
    as: [`as: ci/${name}/${repository}@production`, 'ci: {ownerId: "1001", repositoryId: "2002"}'],
    replace: 'the numeric ids of your repository and its owner',
  };
}

function peopleSkeleton(name: string, oidc: readonly string[], replace: string): ProviderSkeleton {
  const [group, person] = name === 'entra' ? [GROUP, PERSON] : ['developers', '00u000000000001'];
  return {
    oidc,
    subject: `group: {provider: ${name}, id: ${group}, displayName: developers}`,
    as: [`as: user/${name}/${person}`, `groups: [${group}]`],
    replace,
  };
}

export const PROVIDER_SKELETONS: Readonly<Record<SkeletonPreset, ProviderSkeleton>> = {
  entra: peopleSkeleton(
    'entra',
    [
      'preset: entra',
      'tenant: 00000000-0000-0000-0000-000000000001',
      'audiences: ["api://postern", 00000000-0000-0000-0000-000000000002]',
    ],
    'the tenant, the name and client id of your API application, and the object id of a group',
  ),
  okta: peopleSkeleton(
    'okta',
    [
      'preset: okta',
      'issuer: https://example.okta.com/oauth2/default',
      'audiences: ["api://postern"]',
    ],
    'the issuer of your authorization server, and a group',
  ),
  generic: peopleSkeleton(
    'generic',
    [
      'preset: generic',
      'issuer: https://id.example.com',
      'audiences: [postern]',
      'claims: {subject: sub, groups: groups}',
    ],
    'the issuer, the claims, and a group',
  ),
  github: ciSkeleton('github', ['preset: github', 'audiences: [postern]'], 'acme/shop'),
  gitlab: ciSkeleton('gitlab', ['preset: gitlab', 'audiences: [postern]'], 'acme/shop'),
  'azure-devops': ciSkeleton(
    'azure-devops',
    [
      'preset: azure-devops',
      'organizationId: 00000000-0000-0000-0000-000000000001',
      'audiences: ["api://AzureADTokenExchange"]',
    ],
    'acme/shop',
  ),
};
