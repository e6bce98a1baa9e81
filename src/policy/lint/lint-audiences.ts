// SPDX-License-Identifier: Apache-2.0
import type { ShapedDocuments } from '../check/context.ts';
import type { DiagnosticList } from '../diagnostic.ts';
import type { OidcPreset } from '../policy.ts';
import type { ShapedDocument } from '../shape.ts';
import { type Path, placeAt } from '../source-tree.ts';

const OIDC = ['spec', 'oidc'] as const;
const GUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i;

interface SharedAudience {
  readonly form: RegExp;
  readonly problem: string;
  /** Where it is what tokens have. */
  readonly except?: OidcPreset;
}

/** Whoever may be handed a token with one of these could use it here. */
const SHARED: readonly SharedAudience[] = [
  {
    form: /^api:\/\/AzureADTokenExchange$/i,
    problem: 'tokens with it are made to be exchanged at Entra',
    except: 'azure-devops',
  },
  { form: /^sts\.amazonaws\.com$/, problem: 'tokens with it are made to be exchanged at AWS' },
  { form: /^https:\/\/github\.com\/[^/]+$/, problem: 'a job that asks for no audience gets it' },
  { form: /^https:\/\/gitlab\.[^/]+\/?$/, problem: 'tokens for every other service have it' },
  {
    form: /^https:\/\/(graph\.microsoft\.com|management\.azure\.com|database\.windows\.net|vault\.azure\.net)\/?$/i,
    problem: 'tokens with it are for an API of Microsoft, which alone can verify them',
  },
  {
    form: /^00000003-0000-0000-c000-000000000000$/i,
    problem: 'it is Microsoft Graph, which alone can verify its tokens',
  },
];
const OWN = 'Use an audience of your own, such as "postern", and have tokens asked for with it.';
/** What a token of a pod has when nobody asks for an audience. */
const API_SERVER = /^(https:\/\/)?kubernetes\.default(\.svc(\.cluster\.local)?)?\/?$/;

export function lintAudiences(documents: ShapedDocuments, found: DiagnosticList): void {
  for (const document of documents.of('IdentityProvider')) {
    lintShared(document, found);
    if (document.spec.oidc.preset === 'entra') lintEntra(document, found);
  }
  for (const document of documents.of('Cluster')) lintCluster(document, found);
}

function lintShared(
  { spec, parsed }: ShapedDocument<'IdentityProvider'>,
  found: DiagnosticList,
): void {
  const { preset, audiences } = spec.oidc;
  for (const [index, audience] of audiences.entries()) {
    const shared = SHARED.find(({ form, except }) => form.test(audience) && except !== preset);
    if (!shared) continue;
    const place = placeAt(parsed.root, [...OIDC, 'audiences', index]);
    found.add('audience-shared', place, { audience, problem: shared.problem, suggestion: OWN });
  }
}

function lintEntra(
  { spec, parsed }: ShapedDocument<'IdentityProvider'>,
  found: DiagnosticList,
): void {
  const { audiences, login } = spec.oidc;
  const say = (path: Path, problem: string, suggestion: string) =>
    found.add('audience-mismatch', placeAt(parsed.root, path), { problem, suggestion });
  const at = [...OIDC, 'audiences'];
  const ids = audiences.filter((one) => GUID.test(one));
  if (ids.length === 0) {
    say(
      at,
      'Version 2 tokens of Entra have the client id of the API application as audience, and none is listed',
      'Add the client id (a GUID) of the application beside its "api://..." name.',
    );
  } else if (ids.length === audiences.length) {
    say(
      at,
      'Version 1 tokens of Entra have the name of the API application ("api://...") as audience, and none is listed',
      'Add the Application ID URI beside the client id; which one comes is up to requestedAccessTokenVersion of the application.',
    );
  }
  if (!login || audiences.includes(login.clientId)) return;
  const asked = audiences.some((one) =>
    login.scopes.some((scope) => scope.toLowerCase().startsWith(`${one.toLowerCase()}/`)),
  );
  if (asked) return;
  say(
    [...OIDC, 'login'],
    'No scope of the login asks for one of the audiences, so what "postern login" gets is for Microsoft Graph',
    `Add "${audiences[0]}/.default" to "scopes".`,
  );
}

function lintCluster({ spec, parsed }: ShapedDocument<'Cluster'>, found: DiagnosticList): void {
  const { issuer, audiences = [] } = spec.serviceAccountTokens ?? {};
  for (const [index, audience] of audiences.entries()) {
    if (!API_SERVER.test(audience) && audience !== issuer) continue;
    const place = placeAt(parsed.root, ['spec', 'serviceAccountTokens', 'audiences', index]);
    found.add('audience-shared', place, {
      audience,
      problem: 'every pod has such a token for the API server, and so has whoever it is shown to',
      suggestion:
        'Use "postern", and project a token with "audience: postern" into the pods that need one.',
    });
  }
}
