// SPDX-License-Identifier: Apache-2.0
import { type AskedCall, TokenIssuers } from './mesh-agreement.ts';
import type { Outcome } from './mesh-envoy.ts';

export const ISSUER = 'https://login.example/tenant/v2.0';
export const ACTIONS_ISSUER = 'https://token.actions.example';
export const issuers = new TokenIssuers([ISSUER, ACTIONS_ISSUER]);

/** A name such as `payments/checkout`, or `plaintext`, with what it asks for, and what it gets. */
type Ask = readonly [who: string, expected: Outcome, more?: Omit<AskedCall, 'spiffeId'>];

export interface Scene {
  readonly title: string;
  readonly protocol?: 'http';
  readonly port?: number;
  /** Policies of the pods `app: db` in `data`, as YAML without what is the same everywhere. */
  readonly objects: string;
  readonly asks: readonly Ask[];
}

export const allow = (spec: string, name = 'a') => authorization('ALLOW', spec, name);
export const deny = (spec: string, name = 'd') => authorization('DENY', spec, name);
export function authorization(
  action: string,
  spec: string,
  name: string,
  namespace = 'data',
): string {
  return `---
kind: AuthorizationPolicy
metadata: {name: ${name}, namespace: ${namespace}}
spec: {action: ${action}, ${spec}}
`;
}
export function peer(spec: string, namespace = 'data'): string {
  return `---
kind: PeerAuthentication
metadata: {name: p${namespace.length}${spec.length}, namespace: ${namespace}}
spec: {${spec}}
`;
}
export const TOKENS = `---
kind: RequestAuthentication
metadata: {name: t, namespace: data}
spec:
  jwtRules:
    - {issuer: "${ISSUER}", audiences: [postern, api], fromHeaders: [{name: Authorization, prefix: "Bearer "}], forwardOriginalToken: true}
    - {issuer: "${ACTIONS_ISSUER}", audiences: [postern], fromHeaders: [{name: Authorization, prefix: "Bearer "}]}
`;
export const token = (claims: Record<string, string | number | boolean | readonly string[]>) => ({
  token: issuers.token(ISSUER, { aud: 'postern', ...claims }),
});
