// SPDX-License-Identifier: Apache-2.0
import type { Clock } from '../model/clock.ts';
import type { Log } from '../model/log.ts';
import type {
  Cluster,
  IdentityProvider,
  OidcPreset,
  Policy,
  TokenReviewPlace,
} from '../policy/policy.ts';
import type { TokenSource } from './bearer.ts';
import type { PostJson } from './fetch-json.ts';
import { IssuerKeys } from './issuer-keys.ts';
import { type KeyReaders, type KeySource, loadKeys } from './key-source.ts';
import { azureDevops } from './presets/azure-devops.ts';
import { entra } from './presets/entra.ts';
import { generic } from './presets/generic.ts';
import { github } from './presets/github.ts';
import { gitlab } from './presets/gitlab.ts';
import { kubernetes, serviceAccount } from './presets/kubernetes.ts';
import { okta } from './presets/okta.ts';
import type { Preset } from './presets/preset.ts';
import { type IdentityRefusal, quote, quoteList, refusal } from './result.ts';
import { TokenReview } from './token-review.ts';

const PRESETS: Readonly<Record<OidcPreset, Preset>> = {
  entra,
  okta,
  github,
  gitlab,
  'azure-devops': azureDevops,
  kubernetes,
  generic,
};

interface Declared {
  readonly source: TokenSource;
  /** Equal text, equal meaning: then the source object, and what was cached for it, is kept. */
  readonly fingerprint: string;
  /** Another owner of the same issuer: then neither is believed. */
  readonly rival?: string;
}

/** Everybody a policy declares as an issuer of tokens, by exact `iss`. */
export class TokenSources {
  readonly #keys: Map<string, IssuerKeys>;
  readonly #byIssuer: Map<string, Declared>;

  private constructor(keys: Map<string, IssuerKeys>, byIssuer: Map<string, Declared>) {
    this.#keys = keys;
    this.#byIssuer = byIssuer;
  }

  /** What did not change since `previous` keeps its fetched keys and its identity. */
  static of(
    policy: Policy,
    parts: KeyReaders & {
      readonly clock: Clock;
      readonly log: Log;
      readonly postJson: PostJson;
    },
    previous?: TokenSources,
  ): TokenSources {
    const keys = new Map<string, IssuerKeys>();
    const byIssuer = new Map<string, Declared>();
    const oldKeys = previous ? previous.#keys : undefined;
    const oldIssuers = previous ? previous.#byIssuer : undefined;
    for (const origin of originsOf(policy)) {
      for (const issuer of origin.issuers) {
        const keySource: KeySource = { ...origin.keys, issuer, issuers: origin.issuers };
        const keyName = JSON.stringify(keySource);
        const { owner, name, audiences, describe } = origin;
        const meaning = JSON.stringify([origin.meaning, origin.keys]);
        const load = () => loadKeys(keySource, parts);
        const { clock, log } = parts;
        const issuerKeys = oldKeys?.get(keyName) ?? new IssuerKeys({ owner, load, clock, log });
        keys.set(keyName, issuerKeys);
        const review = reviewOf(origin, parts);
        const source = {
          ...{ owner, name, audiences, describe, keys: issuerKeys, meaning },
          ...(review && { review }),
        };
        const rival = byIssuer.get(issuer)?.source.owner;
        const fingerprint = JSON.stringify([owner, audiences, meaning, keySource, rival]);
        const kept = oldIssuers?.get(issuer);
        const declared = { source, fingerprint, ...(rival !== undefined && { rival }) };
        byIssuer.set(issuer, kept?.fingerprint === fingerprint ? kept : declared);
      }
    }
    return new TokenSources(keys, byIssuer);
  }

  find(issuer: string): { readonly ok: true; readonly source: TokenSource } | IdentityRefusal {
    const declared = this.#byIssuer.get(issuer);
    if (declared?.rival !== undefined) {
      const owners = `${declared.rival} and ${declared.source.owner}`;
      const detail = `issuer ${quote(issuer)} is declared by ${owners}; nothing tells them apart`;
      return refusal('token-issuer-unknown', detail);
    }
    if (declared) return { ok: true, source: declared.source };
    const issuers = [...this.#byIssuer.keys()];
    const alike = issuers.find((one) => loosely(one) === loosely(issuer));
    const hint = alike === undefined ? '' : `; ${quote(alike)} differs only in a detail`;
    return refusal(
      'token-issuer-unknown',
      `issuer is ${quote(issuer)}, declared are ${quoteList(issuers)}${hint}`,
    );
  }
}

interface Origin {
  readonly owner: string;
  readonly name: string;
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  readonly keys: Pick<KeySource, 'tenant' | 'jwks' | 'ca'>;
  readonly describe: TokenSource['describe'];
  readonly review?: TokenReviewPlace;
  /** Plain data that decides what `describe` makes of a token. */
  readonly meaning: unknown;
}

function reviewOf(
  { owner, audiences, review: place }: Origin,
  { postJson, readMaterial }: KeyReaders & { readonly postJson: PostJson },
): TokenReview | undefined {
  return place && new TokenReview({ owner, place, audiences, postJson, readMaterial });
}

function originsOf(policy: Policy): readonly Origin[] {
  const clusters = [...policy.clusters.values()].flatMap((cluster) => clusterOrigin(cluster) ?? []);
  const clusterIssuers = new Set(clusters.flatMap((origin) => origin.issuers));
  const providers = [...policy.providers.values()].filter(
    // Only a Cluster can say which cluster a service account is in, so it takes precedence.
    ({ preset, issuers }) =>
      preset !== 'kubernetes' || !issuers.every((issuer) => clusterIssuers.has(issuer)),
  );
  return [...providers.map(providerOrigin), ...clusters];
}

function providerOrigin(provider: IdentityProvider): Origin {
  const { name, preset, issuers, audiences, jwks, ca, tenant, claims, makes } = provider;
  return {
    owner: `IdentityProvider ${name}`,
    name,
    issuers,
    audiences,
    keys: {
      ...(tenant !== undefined && { tenant }),
      ...(jwks && { jwks }),
      ...(ca && { ca }),
    },
    describe: (presented) => PRESETS[preset](presented, provider),
    meaning: { preset, tenant, claims, makes },
  };
}

function clusterOrigin(cluster: Cluster): Origin | undefined {
  const tokens = cluster.serviceAccountTokens;
  if (!tokens) return undefined;
  return {
    owner: `Cluster ${cluster.name}`,
    name: cluster.name,
    issuers: [tokens.issuer],
    audiences: tokens.audiences,
    keys: tokens.jwks ? { jwks: tokens.jwks } : {},
    describe: (presented) => serviceAccount(presented, cluster),
    ...(tokens.tokenReview && { review: tokens.tokenReview }),
    meaning: {
      ...{ cluster: cluster.name, domain: cluster.trustDomain },
      review: tokens.tokenReview,
    },
  };
}

/** Trailing slash, letter case and scheme are what people get wrong in an issuer. */
function loosely(issuer: string): string {
  return issuer
    .toLowerCase()
    .replace(/^https?:\/\//, '')
    .replace(/\/+$/, '');
}
