// SPDX-License-Identifier: Apache-2.0
import type { ShapedDocuments } from '../check/context.ts';
import type { DiagnosticList, Place } from '../diagnostic.ts';
import type { OidcPreset } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { placeAt } from '../source-tree.ts';
import { entraTenant, entraVersion, type IssuerProblem, issuerProblem } from './issuer-form.ts';

/** Whose issuers look like this; an installation of one's own may look like anything. */
const HOSTS: readonly (readonly [RegExp, OidcPreset])[] = [
  [/^https:\/\/(sts\.windows\.net|login\.microsoftonline\.(com|us))\//, 'entra'],
  [/^https:\/\/token\.actions\.githubusercontent\.com/, 'github'],
  [/^https:\/\/gitlab\.com/, 'gitlab'],
  [/^https:\/\/vstoken\.dev\.azure\.com\//, 'azure-devops'],
  [/^https:\/\/[a-z0-9-]+\.okta(preview|-emea)?\.com/, 'okta'],
];
/** What every cluster calls itself unless it is told otherwise. */
const IN_CLUSTER = /^https:\/\/kubernetes\.default\.svc(\.cluster\.local)?\/?$/;

export function lintIssuers(documents: ShapedDocuments, found: DiagnosticList): void {
  for (const document of documents.of('IdentityProvider')) lintProvider(document, found);
  for (const { spec, parsed } of documents.of('Cluster')) {
    const issuer = spec.serviceAccountTokens?.issuer;
    if (issuer === undefined) continue;
    const place = placeAt(parsed.root, ['spec', 'serviceAccountTokens', 'issuer']);
    const known = issuerProblem(issuer);
    if (known) found.add('issuer-mismatch', place, { issuer, ...known });
    else if (IN_CLUSTER.test(issuer)) {
      found.add('issuer-shared', place, { issuer });
    }
  }
}

function lintProvider(
  { spec, parsed }: ShapedDocument<'IdentityProvider'>,
  found: DiagnosticList,
): void {
  const { issuer, preset, tenant } = spec.oidc;
  if (issuer === undefined) return;
  const place = placeAt(parsed.root, ['spec', 'oidc', 'issuer']);
  const known =
    issuerProblem(issuer) ?? foreignIssuer(issuer, preset) ?? otherTenant(issuer, tenant);
  if (known) found.add('issuer-mismatch', place, { issuer, ...known });
  else if (preset === 'entra') lintVersion(issuer, place, found);
}

function foreignIssuer(issuer: string, preset: OidcPreset): IssuerProblem | undefined {
  const [, owner] = HOSTS.find(([host]) => host.test(issuer)) ?? [];
  if (owner === undefined || owner === preset) return undefined;
  return {
    problem: `it belongs to ${owner}, and tokens are read as those of ${preset}`,
    suggestion: `Write "preset: ${owner}", or correct the issuer.`,
  };
}

function otherTenant(issuer: string, tenant: string | undefined): IssuerProblem | undefined {
  const named = entraTenant(issuer);
  if (named === undefined || tenant === undefined || named === tenant) return undefined;
  return {
    problem: `its tenant is not ${tenant}, which the claim tid is compared with`,
    suggestion: 'Correct one of the two, or remove the issuer: the preset knows both forms.',
  };
}

/** The resource application chooses the version of its tokens, whatever endpoint was asked. */
function lintVersion(issuer: string, place: Place, found: DiagnosticList): void {
  const version = entraVersion(issuer);
  if (version === undefined) return;
  const other = version === 1 ? 2 : 1;
  found.add('audience-mismatch', place, {
    problem: `Only version ${version} tokens of the tenant have this issuer; version ${other} ones are refused`,
    suggestion:
      'Remove the issuer: the preset accepts both. The manifest of the API application says which it gets (requestedAccessTokenVersion).',
  });
}
