// SPDX-License-Identifier: Apache-2.0
import type { Right } from './right.ts';

/** An account, a role (its host is empty) or PUBLIC. */
export interface ObservedAccount {
  readonly user: string;
  readonly host: string;
  readonly isRole: boolean;
  readonly locked: boolean;
  /** Only what a password of the one plugin lets in; false where another way in is set. */
  readonly passwordOnly: boolean;
  readonly defaultRole: string;
  readonly requires: {
    readonly type: 'none' | 'tls' | 'x509' | 'names';
    readonly issuer: string;
    readonly subject: string;
  };
}

export interface ObservedRight extends Right {
  readonly user: string;
  readonly host: string;
}

/** `user`@`host` may SET ROLE to `role`, or holds it (a role, PUBLIC). */
export interface ObservedMember {
  readonly user: string;
  readonly host: string;
  readonly role: string;
  readonly admin: boolean;
}

export interface ObservedProxy {
  readonly user: string;
  readonly host: string;
  readonly proxiedUser: string;
  readonly proxiedHost: string;
}

export interface ObservedView {
  readonly schema: string;
  readonly name: string;
  /** `user@host`; a user may contain @, a host may not. */
  readonly definer: string;
  readonly security: 'DEFINER' | 'INVOKER';
  /** As the server writes it: every name qualified and in backticks. */
  readonly text: string;
}

export interface ObservedRoutine {
  readonly type: 'PROCEDURE' | 'FUNCTION' | 'PACKAGE' | 'PACKAGE BODY';
  readonly schema: string;
  readonly name: string;
  readonly definer: string;
  readonly security: 'DEFINER' | 'INVOKER';
  readonly bodySha256: string;
}

export interface ObservedLease {
  readonly account: string;
  /** Absent: its instance is gone. */
  readonly broker: string | undefined;
  readonly composite: string;
  readonly state: 'lent' | 'revoked';
  /** Undefined where it cannot be told: no account, or lent by an older registry. */
  readonly passwordAsLent: boolean | undefined;
  readonly bindingAsLent: boolean | undefined;
}

/** Which declaration bootstrap or apply brought a Target to last. */
export interface AppliedRecord {
  readonly broker: string;
  readonly revision: string;
  /** UTC, `YYYY-MM-DD hh:mm:ss`. */
  readonly at: string;
  /** Packed; see `declaration-record.ts`. */
  readonly declaration: string;
}

/** What bootstrap and the procedures wrote down about what they made. */
export interface ObservedRegistry {
  readonly version: string;
  readonly brokers: readonly {
    readonly name: string;
    readonly target: string;
    readonly transport: string;
  }[];
  readonly applied: readonly AppliedRecord[];
  readonly roles: readonly {
    readonly name: string;
    readonly broker: string;
    readonly dataRole: string;
    readonly ready: boolean;
  }[];
  readonly views: readonly {
    readonly schema: string;
    readonly name: string;
    readonly definer: string;
    readonly broker: string;
  }[];
  readonly composites: readonly { readonly name: string; readonly roles: readonly string[] }[];
  readonly leases: readonly ObservedLease[];
}

/** All that decides about access on one server, at one moment. */
export interface ObservedState {
  readonly accounts: readonly ObservedAccount[];
  readonly rights: readonly ObservedRight[];
  readonly members: readonly ObservedMember[];
  readonly proxies: readonly ObservedProxy[];
  readonly views: readonly ObservedView[];
  readonly routines: readonly ObservedRoutine[];
  readonly registry: ObservedRegistry;
}
