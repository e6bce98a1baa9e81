// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { OIDC_PRESETS } from '../policy.ts';
import { duration, guid, keySet, material, text } from './field.ts';

export const identityProviderSpec = z
  .strictObject({
    oidc: z
      .strictObject({
        preset: z
          .enum(OIDC_PRESETS)
          .describe('What kind of provider it is; fills issuers and claims.'),
        tenant: guid.optional().describe('`entra`: the tenant id.'),
        authority: text
          .optional()
          .describe(
            '`entra`: base of the v2.0 issuer, by default https://login.microsoftonline.com.',
          ),
        organizationId: guid.optional().describe('`azure-devops`: the organization id.'),
        issuer: text
          .optional()
          .describe(
            'Exact `iss`. Required by `okta`, `kubernetes` and `generic`; for the others it replaces the preset.',
          ),
        audiences: z.array(text).min(1).describe('At least one must be in `aud`.'),
        jwks: keySet.optional().describe('Keys; by default discovered from the issuer.'),
        ca: material
          .optional()
          .describe('Extra root certificates (PEM) for https to the provider.'),
        claims: z
          .strictObject({
            subject: text.default('sub').describe('Claim that identifies the principal.'),
            groups: text.optional().describe('Claim with group ids.'),
            roles: text.optional().describe('Claim with application roles.'),
          })
          .optional()
          .describe('`generic`: which claims mean what.'),
        makes: z
          .enum(['user', 'ci', 'agent'])
          .optional()
          .describe('`generic`: the kind of principal its tokens stand for; default `user`.'),
        login: z
          .strictObject({
            clientId: text.describe('Public client that people log in with; no secret.'),
            scopes: z.array(text).default(['openid']).describe('Scopes to ask for.'),
            resource: text
              .optional()
              .describe('Resource to ask for (RFC 8707), where the provider wants one.'),
          })
          .optional()
          .describe('Lets people get a token with `postern login` (device flow).'),
      })
      .describe('OpenID Connect.'),
    sessionMax: duration
      .default(3_600_000)
      .describe('The longest a session may live after a token login.'),
  })
  .describe('Vouches for people, CI jobs and agents. Cluster-scoped.');
