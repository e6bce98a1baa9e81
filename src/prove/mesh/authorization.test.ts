// SPDX-License-Identifier: Apache-2.0
import { equal } from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  MESH_CALLER,
  MESH_DESTINATION,
  MESH_FACTS,
  meshObjects,
  policy,
} from '../../../test/support/mesh-objects.ts';
import type { JsonObject } from '../../compile/kube/object.ts';
import type { MeshCaller, MeshDestination } from './mesh-call.ts';
import type { MeshFacts, MeshObject } from './mesh-facts.ts';
import { MeshModel } from './mesh-model.ts';

interface Call {
  readonly facts?: Partial<MeshFacts>;
  readonly caller?: Partial<MeshCaller>;
  readonly to?: Partial<MeshDestination>;
}

function why(objects: readonly MeshObject[], { facts, caller, to }: Call = {}): string {
  const model = new MeshModel(objects, { ...MESH_FACTS, ...facts });
  return model.verdict({ ...MESH_CALLER, ...caller }, { ...MESH_DESTINATION, ...to }).why;
}

const one = (action: string, ...rules: readonly object[]) => policy(action, { action, rules });
const allows = (rule: object, call?: Call) => why([one('ALLOW', rule)], call) === 'allow-rule';
const source = (fields: object) => ({ from: [{ source: fields }] });
const AMBIENT = { facts: { dataPlane: 'Ambient' } } as const;
const PLAIN = { caller: { transport: 'plaintext' } } as const;
const CHECKOUT = 'cluster.local/ns/payments/sa/checkout';
const HTTP = { protocol: 'http', host: 'Api.Example', path: '/v1/a', method: 'GET' } as const;

const TOKENS = meshObjects(`
kind: RequestAuthentication
metadata: {name: t, namespace: data}
spec:
  jwtRules: [{issuer: "https://issuer", audiences: [postern], fromHeaders: [{name: Authorization, prefix: "Bearer "}]}]
`);
const token = (claims: JsonObject, more: object = {}) => ({
  to: HTTP,
  caller: {
    token: {
      issuer: 'https://issuer',
      claims: { iss: 'https://issuer', aud: 'postern', ...claims },
      verifies: true,
      ...more,
    },
  },
});

describe('authorization', () => {
  it('lets DENY win, and asks ALLOW only where there is one', () => {
    const all = { to: [{ operation: { ports: ['3306'] } }] };
    const other = { to: [{ operation: { ports: ['1'] } }] };
    equal(why([one('DENY', all), one('ALLOW', all)]), 'deny-rule');
    equal(why([one('DENY', other)]), 'no-allow-policy');
    equal(why([one('DENY', other), one('ALLOW', other)]), 'no-allow-rule');
    equal(why([one('ALLOW')]), 'no-allow-rule', 'without rules nobody is let in');
    equal(why([one('ALLOW', {})]), 'allow-rule', 'an empty rule lets everybody in');
    equal(why([one('AUDIT', all)]), 'no-allow-policy');
    equal(why([one('CUSTOM', all)]), 'external-authorizer');
    equal(why([one('CUSTOM', other)]), 'no-allow-policy');
    equal(why([one('CUSTOM', all), one('DENY', all)]), 'deny-rule');
    equal(why([one('CUSTOM', all)], AMBIENT), 'no-allow-policy', 'ztunnel is not told');
  });

  it('does not count dry runs', () => {
    const dry = one('DENY', {});
    const metadata = { ...dry.object.metadata, annotations: { 'istio.io/dry-run': 'true' } };
    const object = { ...dry.object, metadata };
    equal(why([{ ...dry, object }]), 'no-allow-policy');
    equal(why([{ ...dry, object }], AMBIENT), 'no-allow-policy');
  });

  for (const [at, call] of [
    ['Envoy', {}],
    ['ztunnel', AMBIENT],
  ] as const) {
    it(`compares names as ${at} does`, () => {
      const yes = (fields: object) =>
        equal(allows(source(fields), call), true, JSON.stringify(fields));
      const no = (fields: object) =>
        equal(allows(source(fields), call), false, JSON.stringify(fields));
      yes({ principals: [CHECKOUT] });
      yes({ principals: ['x', 'cluster.local/ns/payments/*'] });
      yes({ principals: ['*/sa/checkout'] });
      yes({ principals: ['*'] });
      no({ principals: ['spiffe://cluster.local/ns/payments/sa/checkout'] });
      no({ principals: ['cluster.local/ns/*/sa/checkout'] });
      no({ principals: ['cluster.local/ns/payments/sa/check'] });
      yes({ namespaces: ['payments'] });
      yes({ namespaces: ['pay*'] });
      no({ namespaces: ['pay'] });
      no({ notNamespaces: ['payments'] });
      yes({ notNamespaces: ['other'] });
      yes({ serviceAccounts: ['payments/checkout'] });
      no({ serviceAccounts: ['checkout'] });
      no({ serviceAccounts: ['data/checkout'] });
      yes({ namespaces: ['payments'], principals: [CHECKOUT] });
      no({ namespaces: ['other'], principals: [CHECKOUT] });
    });

    it(`takes a caller without a name for none of the names at ${at}`, () => {
      const plain = { ...call, ...PLAIN };
      equal(allows(source({ principals: ['*'] }), plain), false);
      equal(allows(source({ namespaces: ['*'] }), plain), false);
      equal(allows(source({ notPrincipals: ['*'] }), plain), true);
      equal(allows(source({ notNamespaces: ['payments'] }), plain), true);
    });
  }

  it('knows aliases of the trust domain at Envoy alone', () => {
    const old = { principals: ['old.example/ns/payments/sa/checkout'] };
    equal(allows(source(old)), true);
    equal(allows(source(old), AMBIENT), false);
    equal(allows(source({ principals: ['evil.example/ns/payments/sa/checkout'] })), false);
    const facts = { trustDomain: 'prod.example' };
    equal(allows(source({ principals: [CHECKOUT] }), { facts }), true, 'cluster.local is its name');
    equal(allows(source({ principals: ['cluster.local/*'] }), { facts }), false);
  });

  it('ANDs what is in one source, ORs sources, and ANDs conditions', () => {
    const when = (key: string, values: readonly string[]) => ({ key, values });
    equal(
      allows({
        from: [{ source: { namespaces: ['x'] } }, { source: { namespaces: ['payments'] } }],
      }),
      true,
    );
    equal(
      allows({ when: [when('source.namespace', ['payments']), when('destination.port', ['1'])] }),
      false,
    );
    equal(allows({ when: [when('source.namespace', ['payments', 'x'])] }), true);
    equal(why([one('ALLOW', { when: [when('connection.sni', ['a'])] })]), 'caller-unknown');
    equal(why([one('ALLOW', { when: [when('source.colour', ['a'])] })]), 'field-unknown');
  });

  it('compares addresses where they are known', () => {
    const block = source({ ipBlocks: ['10.0.0.0/8'] });
    equal(why([one('ALLOW', block)]), 'caller-unknown');
    equal(allows(block, { caller: { address: '10.1.1.1' } }), true);
    equal(allows(block, { caller: { address: '11.1.1.1' } }), false);
    const remote = [one('ALLOW', source({ remoteIpBlocks: ['10.0.0.0/8'] }))];
    equal(why(remote, { caller: { address: '10.1.1.1' } }), 'allow-rule');
    const told = 'over HTTP it is what a header says';
    equal(why(remote, { caller: { address: '10.1.1.1' }, to: HTTP }), 'caller-unknown', told);
  });

  it('compares what a request is about', () => {
    const to = (operation: object) => allows({ to: [{ operation }] }, { to: HTTP });
    equal(to({ hosts: ['api.example'] }), true);
    equal(to({ hosts: ['*.EXAMPLE'] }), true);
    equal(to({ paths: ['/v1/*'], methods: ['GET'] }), true);
    equal(to({ paths: ['/V1/*'] }), false);
    equal(to({ methods: ['get'] }), false);
    equal(to({ notPaths: ['/v1/*'] }), false);
    equal(to({ notMethods: ['POST'] }), true);
    const template = [one('ALLOW', { to: [{ operation: { paths: ['/{*}/a'] } }] })];
    equal(why(template, { to: HTTP }), 'field-unknown');
  });

  it('narrows an ALLOW and widens a DENY of HTTP on a chain of bytes', () => {
    const rule = { to: [{ operation: { ports: ['3306'], paths: ['/a'] } }] };
    const idle = { to: [{ operation: { paths: ['/a'] } }] };
    equal(why([one('ALLOW', rule)]), 'no-allow-rule');
    equal(why([one('DENY', rule)]), 'deny-rule');
    equal(why([one('DENY', idle)]), 'deny-rule');
    equal(why([one('DENY', { ...idle, ...source({ namespaces: ['x'] }) })]), 'no-allow-policy');
  });

  it('leaves an ambient DENY of HTTP alone idle, and widens a mixed one', () => {
    const rule = { to: [{ operation: { ports: ['3306'], paths: ['/a'] } }] };
    const idle = { to: [{ operation: { paths: ['/a'] } }] };
    equal(why([one('ALLOW', rule)], AMBIENT), 'no-allow-rule');
    equal(why([one('DENY', rule)], AMBIENT), 'deny-rule');
    equal(why([one('DENY', idle)], AMBIENT), 'no-allow-policy');
    // The whole rule is idle, though its source names the caller.
    equal(
      why([one('DENY', { ...idle, ...source({ namespaces: ['payments'] }) })], AMBIENT),
      'no-allow-policy',
    );
    const claims = { when: [{ key: 'request.auth.claims[a]', values: ['b'] }] };
    equal(
      why([one('DENY', { ...claims, ...source({ namespaces: ['payments'] }) })], AMBIENT),
      'no-allow-policy',
    );
    const sni = { when: [{ key: 'connection.sni', values: ['b'] }] };
    equal(why([one('ALLOW', sni)], AMBIENT), 'no-allow-rule');
    equal(
      why([one('DENY', { from: [{}] })], AMBIENT),
      'no-allow-policy',
      'an empty source is none',
    );
  });

  it('refuses a wrong token, and lets none pass', () => {
    equal(why(TOKENS, token({})), 'no-allow-policy');
    equal(why(TOKENS, { to: HTTP }), 'no-allow-policy');
    equal(why(TOKENS, token({}, { verifies: false })), 'token-refused');
    equal(why(TOKENS, token({ aud: 'other' })), 'token-refused');
    equal(why(TOKENS, token({}, { issuer: 'https://other' })), 'token-refused');
    equal(why(TOKENS, { ...token({}, { verifies: false }), to: {} }), 'no-allow-policy', 'TCP');
    equal(why(TOKENS, { ...token({}, { verifies: false }), ...AMBIENT }), 'no-allow-policy');
    equal(why([], token({}, { verifies: false })), 'no-allow-policy', 'nobody looks at it');
  });

  it('looks for a token where the callers put theirs', () => {
    const elsewhere = meshObjects(`
kind: RequestAuthentication
metadata: {name: e, namespace: data}
spec: {jwtRules: [{issuer: "https://x", fromHeaders: [{name: x-token}]}]}
`);
    equal(why(elsewhere, token({})), 'no-allow-policy');
    equal(why([...elsewhere, ...TOKENS], token({ aud: 'other' })), 'token-refused');
    const odd = meshObjects(`
kind: RequestAuthentication
metadata: {name: e, namespace: data}
spec: {jwtRules: [{issuer: "https://x", fromHeaders: [{name: Authorization, prefix: "Token "}]}]}
`);
    equal(why(odd, token({})), 'field-unknown');
  });

  it('compares claims: text, lists and nested ones, nothing else', () => {
    const claim = (path: string, value: string, claims: JsonObject) => {
      const when = [{ key: `request.auth.claims${path}`, values: [value] }];
      return why([...TOKENS, one('ALLOW', { when })], token(claims)) === 'allow-rule';
    };
    equal(claim('[tid]', 'a', { tid: 'a' }), true);
    equal(claim('[roles]', 'b', { roles: ['a', 'b'] }), true);
    equal(claim('[a][b]', 'c', { a: { b: ['c'] } }), true);
    equal(claim('[https://x/y]', 'c', { 'https://x/y': 'c' }), true);
    equal(claim('[ref]', 'refs/*', { ref: 'refs/heads/a' }), true);
    equal(claim('[n]', '1', { n: 1 }), false);
    equal(claim('[n]', 'true', { n: true }), false);
    equal(claim('[n]', 'a', { n: [{ a: 'a' }] }), false);
    equal(claim('[scope]', 'b', { scope: 'a b' }), true);
    equal(claim('[scope]', 'a b', { scope: 'a b' }), false);
    equal(claim('[words]', 'b', { words: 'a b' }), false);
    const absent = [{ key: 'request.auth.claims[x]', notValues: ['a'] }];
    equal(why([one('ALLOW', { when: absent })], { to: HTTP }), 'allow-rule', 'absent is not a');
  });

  it('cuts a request principal at its last slash', () => {
    const principal = (value: string, claims: JsonObject) =>
      why(
        [...TOKENS, one('ALLOW', source({ requestPrincipals: [value] }))],
        token({ sub: 'me', ...claims }),
      ) === 'allow-rule';
    equal(principal('https://issuer/me', {}), true);
    equal(principal('*', {}), true);
    equal(principal('https://issuer/*', {}), true);
    equal(principal('https://issuer/m*', {}), true);
    equal(principal('*/me', {}), true);
    equal(principal('*issuer/me', {}), true);
    equal(principal('https://*', {}), false, 'the issuer is not a prefix when there is a slash');
    equal(principal('https://issuer/repo:a/b', { sub: 'repo:a/b' }), false);
    const anonymous = one('DENY', source({ notRequestPrincipals: ['*'] }));
    equal(why([...TOKENS, anonymous], { to: HTTP }), 'deny-rule');
    equal(why([...TOKENS, anonymous], token({ sub: 'me' })), 'no-allow-policy');
    equal(why([...TOKENS, anonymous], token({})), 'deny-rule', 'a token without sub has none');
  });

  it('does not know features before their version', () => {
    const rule = source({ serviceAccounts: ['payments/checkout'] });
    equal(why([one('ALLOW', rule)], { facts: { version: '1.24' } }), 'version-unknown');
  });
});
