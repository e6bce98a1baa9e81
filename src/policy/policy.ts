// SPDX-License-Identifier: Apache-2.0
import type { Limits, RuleReference } from '../model/decision.ts';
import type { Labels } from '../model/principal.ts';
import type { Action } from '../model/request.ts';

/**
 * The one representation between the declaration and everything derived from it (decisions,
 * artifacts, proof). All selectors over declared things (clusters, namespaces, targets, teams) are
 * already resolved to finite sets; what is left open is only what a caller brings along.
 */
export interface Policy {
  /** sha256 (hex) of the canonical text of every document; names the revision in the audit. */
  readonly revision: string;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly providers: ReadonlyMap<string, IdentityProvider>;
  readonly teams: ReadonlyMap<string, Team>;
  /** By `namespace/name`; contains the built-in target `postern-system/postern`. */
  readonly targets: ReadonlyMap<string, Target>;
  /** By `namespace/name`; built-in roles (reader, writer, migrator, ...) are made per target. */
  readonly roles: ReadonlyMap<string, DataRole>;
  readonly grants: readonly Grant[];
  readonly denies: readonly Deny[];
  readonly serviceClasses: ReadonlyMap<string, ServiceClass>;
  readonly expectations: readonly Expectation[];
}

/** Where a credential or certificate comes from; relative files are relative to the document. */
export type Material =
  | { readonly from: 'file'; readonly path: string }
  | { readonly from: 'env'; readonly name: string };

/** One credential source is not readable in this build (`secret`, `configMap` need a cluster). */
/** Where a cluster is asked whether a service account token still counts. */
export interface TokenReviewPlace {
  readonly server: string;
  readonly ca: Material;
  readonly token: Material;
  /** Instead of the check of the signature. */
  readonly alone: boolean;
}

export interface Cluster {
  readonly rule: RuleReference;
  readonly name: string;
  readonly labels: Labels;
  readonly trustDomain: string;
  readonly trustDomainAliases: readonly string[];
  readonly bundle: Material;
  readonly serviceAccountTokens?: {
    readonly issuer: string;
    readonly audiences: readonly string[];
    readonly jwks?: Material | { readonly from: 'url'; readonly url: string };
    readonly tokenReview?: TokenReviewPlace;
  };
  /** Who gets a certificate from `postern ca`; absent: nobody. */
  readonly certificates?: {
    readonly serviceAccounts: boolean;
    readonly identities: readonly CertifiedIdentity[];
  };
  /** Labels of namespaces, for `namespaceSelector`; a namespace not listed has unknown labels. */
  readonly namespaces: ReadonlyMap<string, Labels>;
  readonly istio?: Mesh;
}

/** The mesh of a cluster, for the mesh compiler. */
export interface Mesh {
  readonly rule: RuleReference;
  /** The pinned minor, such as `1.29`. */
  readonly version: string;
  readonly dataPlane: 'Sidecar' | 'Ambient' | 'None';
  /** Where Postern runs; absent: it does not run in this cluster. */
  readonly gateway?: { readonly namespace: string; readonly serviceAccount: string };
  /** Namespaces whose workloads may reach nothing but each other and Postern. */
  readonly confinedNamespaces: readonly string[];
  /** Life of the sidecars' certificates; absent: as the mesh says. */
  readonly certificateTtlMs?: number;
}

/** Somebody who is given the name of a workload. */
export interface CertifiedIdentity {
  readonly subject: SubjectMatcher;
  readonly namespace: string;
  readonly serviceAccount: string;
}

export const OIDC_PRESETS = [
  'entra',
  'okta',
  'github',
  'gitlab',
  'azure-devops',
  'kubernetes',
  'generic',
] as const;
export type OidcPreset = (typeof OIDC_PRESETS)[number];

export interface IdentityProvider {
  readonly rule: RuleReference;
  readonly name: string;
  readonly preset: OidcPreset;
  /** Exact `iss` values; entra has two (token versions 1 and 2) per tenant. */
  readonly issuers: readonly string[];
  readonly audiences: readonly string[];
  /** Where keys come from: discovery of the issuer unless given. `file` is for places offline. */
  readonly jwks?: Material | { readonly from: 'url'; readonly url: string };
  /** Extra root certificates (PEM) for https to this provider. */
  readonly ca?: Material;
  readonly tenant?: string;
  /** The longest a session may live after a token login, ms. */
  readonly sessionMaxMs: number;
  /** For `generic`: which claim is the subject, the groups, and what kind of principal it makes. */
  readonly claims: { readonly subject: string; readonly groups?: string; readonly roles?: string };
  readonly makes: 'user' | 'ci' | 'agent';
  /** How `postern login` asks for a token: a public client that may use the device flow. */
  readonly login?: {
    readonly clientId: string;
    readonly scopes: readonly string[];
    /** RFC 8707, for providers that choose the audience by it. */
    readonly resource?: string;
  };
}

export interface Team {
  readonly rule: RuleReference;
  readonly name: string;
  readonly members: readonly SubjectMatcher[];
  readonly workloads: readonly SubjectMatcher[];
  /** Entra applications that workloads of the team act as; for the Entra compiler. */
  readonly entraClients: readonly {
    readonly workload: SubjectMatcher;
    readonly clientId: string;
  }[];
}

/** A value test: exact, or with one `*` at its very start or very end. */
export type TextPattern =
  | { readonly match: 'exact'; readonly value: string }
  | { readonly match: 'prefix'; readonly value: string }
  | { readonly match: 'suffix'; readonly value: string };

/** Fields of one matcher are ANDed; absent fields do not restrict. */
export type SubjectMatcher =
  | {
      readonly kind: 'workload';
      /** Cluster names; never empty. */
      readonly clusters: ReadonlySet<string>;
      /** Per cluster the namespaces selected by label; absent: any namespace. */
      readonly namespaces?: ReadonlyMap<string, ReadonlySet<string>>;
      /**
       * Only in a Deny, instead of `namespaces`: every namespace but these. A negative selector
       * there must also catch namespaces whose labels nobody declared.
       */
      readonly exceptNamespaces?: ReadonlyMap<string, ReadonlySet<string>>;
      /** `namespace/name`; absent: every service account of the namespaces. */
      readonly serviceAccounts?: ReadonlySet<string>;
    }
  | { readonly kind: 'spiffeId'; readonly id: string }
  | { readonly kind: 'user'; readonly provider: string; readonly id: string }
  | {
      readonly kind: 'group';
      readonly provider: string;
      readonly id: string;
      readonly displayName?: string;
    }
  | { readonly kind: 'appRole'; readonly provider: string; readonly value: string }
  | {
      readonly kind: 'ci';
      readonly provider: string;
      readonly ownerId?: string;
      readonly repositoryId?: string;
      readonly repository?: string;
      readonly environment?: string;
      readonly ref?: TextPattern;
    }
  | {
      readonly kind: 'agent';
      readonly provider: string;
      readonly client: string;
      /** The person the agent must act for; absent: it acts for itself. */
      readonly onBehalfOf?: SubjectMatcher;
    }
  /** Everybody of one principal kind; only a Deny may say this. */
  | { readonly kind: 'any'; readonly of: 'workload' | 'user' | 'ci' | 'agent' };

export type Condition =
  | {
      readonly key: 'time';
      /** Minutes since local midnight, from inclusive, to exclusive; from > to wraps midnight. */
      readonly fromMinute: number;
      readonly toMinute: number;
      /** 0 = Sunday; absent: every day. For a wrapping window the day it started on. */
      readonly days?: ReadonlySet<number>;
      readonly zone: string;
    }
  | {
      readonly key: 'text';
      /** `claim[x]`, `identity.method` or `target.label[x]`. */
      readonly name: string;
      readonly not: boolean;
      readonly values: readonly TextPattern[];
    }
  | { readonly key: 'source.ip'; readonly not: boolean; readonly cidrs: readonly string[] };

export type Enforcement = 'Enforce' | 'Observe';

export interface Target {
  readonly rule: RuleReference;
  /** `namespace/name`. */
  readonly id: string;
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  readonly expose: {
    readonly service?: string;
    readonly port: number;
    readonly hostnames: readonly string[];
    readonly localPort?: number;
  };
  readonly enforcement: Enforcement;
  readonly audit: {
    readonly statements: 'Text' | 'Normalised' | 'None';
    readonly parameters: 'None' | 'Hash';
    readonly retentionMs: number;
  };
  readonly system: TargetSystem;
}

export type TargetSystem =
  | MysqlSystem
  /** Administration of Postern itself. */
  | { readonly type: 'postern' }
  | ExternalSystem;

/** Declared, checked and compiled for the mesh; not yet served by this build. */
export type ExternalSystem =
  | { readonly type: 'azureSql'; readonly server: string }
  | {
      readonly type: 'synapse';
      readonly workspace: string;
      readonly pool: 'Dedicated' | 'Serverless';
    }
  | {
      readonly type: 'azureMl';
      readonly endpoint: string;
      /** Empty: the endpoint's own split. Otherwise the weights are 100 in sum. */
      readonly deployments: readonly { readonly name: string; readonly weight: number }[];
    }
  | {
      readonly type: 'http';
      readonly host: string;
      readonly port: number;
      readonly paths: readonly string[];
      readonly methods: readonly string[];
    };

/** Where the pods of a database are, when it runs in a declared cluster. */
export interface DatabasePods {
  readonly rule: RuleReference;
  readonly cluster: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly port: number;
  /** `namespace/name` of the service accounts besides Postern that may reach the port. */
  readonly operators: readonly string[];
}

export interface MysqlSystem {
  readonly type: 'mariadb' | 'mysql';
  readonly endpoints: readonly {
    readonly host: string;
    readonly port: number;
    readonly role: 'Primary' | 'Replica';
  }[];
  readonly tls: UpstreamTls;
  readonly broker: { readonly user: string; readonly password: Material };
  /** Reads who holds what; absent: only an administrator can. */
  readonly reader?: { readonly user: string; readonly password: Material };
  /** `user@host` of accounts that are no finding although they reach the schemas. */
  readonly operators: readonly string[];
  /** The schemas Postern answers for; built-in roles apply to all of them. */
  readonly schemas: readonly string[];
  /** lower_case_table_names is 1 or 2 on the target: names compare without case. */
  readonly caseInsensitiveNames: boolean;
  readonly pods?: DatabasePods;
}

export type UpstreamTls =
  | {
      readonly mode: 'verified';
      readonly ca: Material;
      /** Name to verify instead of the endpoint's host. */
      readonly serverName?: string;
      /** What leases are bound to (REQUIRE SUBJECT/ISSUER). */
      readonly clientCertificate?: { readonly cert: Material; readonly key: Material };
    }
  /** `insecureSkipVerify`: encrypted, not authenticated; a finding. */
  | { readonly mode: 'insecureSkipVerify' }
  /** `insecurePlaintext`: a finding; for a Unix socket's loopback twin or a mesh that encrypts. */
  | { readonly mode: 'insecurePlaintext' };

export type ObjectPattern =
  | { readonly type: 'table'; readonly schema: string; readonly name: string }
  | { readonly type: 'routine'; readonly schema: string; readonly name: string }
  /** `schema.*`: every table and view in it, now and later (no routines). */
  | { readonly type: 'schema'; readonly schema: string };

export interface Privilege {
  readonly objects: readonly ObjectPattern[];
  readonly actions: ReadonlySet<Action>;
  /** Only these columns, offered through the definer view `as` when that is given. */
  readonly columns?: readonly string[];
  readonly as?: { readonly schema: string; readonly name: string };
  readonly rule: RuleReference;
}

/** Each is `Deny` unless a role that allows the request says `Allow`. */
export interface Guardrails {
  /** Statements of these kinds need a WHERE (or LIMIT 0 rows touched by construction). */
  readonly requireWhere: ReadonlySet<'update' | 'delete'>;
  readonly multiStatement: 'Allow' | 'Deny';
  readonly localInfile: 'Allow' | 'Deny';
}

export interface DataRole {
  readonly rule: RuleReference;
  /** `namespace/name`; built-in: `namespace/target#reader`. */
  readonly id: string;
  readonly name: string;
  readonly builtIn: boolean;
  readonly privileges: readonly Privilege[];
  readonly guardrails: Guardrails;
}

export interface Grant {
  readonly rule: RuleReference;
  readonly namespace: string;
  readonly subjects: readonly SubjectMatcher[];
  /** Target ids it selects, resolved. */
  readonly targets: ReadonlySet<string>;
  /** Role id per target id (they differ only for built-in roles). */
  readonly roles: ReadonlyMap<string, string>;
  readonly lease: { readonly ttlMs: number };
  readonly session: { readonly maxDurationMs: number };
  /** ms since the epoch. */
  readonly expires?: number;
  readonly serviceClass?: string;
  readonly when: readonly Condition[];
}

export interface Deny {
  readonly rule: RuleReference;
  readonly subjects: readonly SubjectMatcher[];
  readonly targets: ReadonlySet<string>;
  readonly when: readonly Condition[];
}

export interface ServiceClass {
  readonly rule: RuleReference;
  readonly name: string;
  readonly limits: Limits;
}

export interface Expectation {
  readonly rule: RuleReference;
  readonly namespace: string;
  readonly name: string;
  /** Canonical principal id, with claims or groups when the rule needs them. */
  readonly as: string;
  readonly groups: readonly string[];
  readonly appRoles: readonly string[];
  readonly claims: Readonly<Record<string, string | readonly string[]>>;
  /** For `as: ci/...`: what the id does not say; absent means the job has none. */
  readonly ci?: {
    readonly ownerId?: string;
    readonly repositoryId?: string;
    readonly ref?: string;
  };
  /** Target id. */
  readonly to: string;
  /** `select shop.orders`: an action and an object; absent: only connecting. */
  readonly do?: { readonly action: Action; readonly object: ObjectPattern };
  /** Time at which it must hold, ms since the epoch; absent: Allow at some time, Deny at none. */
  readonly at?: number;
  readonly expect: 'Allow' | 'Deny';
}

export const POSTERN_TARGET_ID = 'postern-system/postern';
