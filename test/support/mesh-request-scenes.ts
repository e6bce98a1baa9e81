// SPDX-License-Identifier: Apache-2.0
import {
  ACTIONS_ISSUER,
  allow,
  deny,
  ISSUER,
  issuers,
  type Scene,
  TOKENS,
  token,
} from './mesh-scene.ts';

/** What is told of requests and their tokens. */
export const REQUEST_SCENES: readonly Scene[] = [
  {
    title: 'requests: paths, methods and hosts',
    protocol: 'http',
    objects: allow(
      'rules: [{to: [{operation: {paths: ["/api/*", "*/end"], methods: [GET, POST], notPaths: ["/api/secret*"], hosts: ["*.Example"]}}]}]',
    ),
    asks: [
      ['dev/a', 'served', { path: '/api/x' }],
      ['dev/a', 'served', { path: '/api/x?secret' }],
      ['dev/a', 'served', { path: '/x/end', method: 'POST' }],
      ['dev/a', 'forbidden', { path: '/api/x', method: 'PUT' }],
      ['dev/a', 'forbidden', { path: '/api/secrets' }],
      ['dev/a', 'forbidden', { path: '/other' }],
      ['dev/a', 'forbidden', { path: '/API/x' }],
      ['dev/a', 'forbidden', { path: '/api/x', host: 'other.org' }],
      ['dev/a', 'forbidden', { path: '/api/x', host: 'api.example:8443' }],
      ['plaintext', 'served', { path: '/api/x' }],
    ],
  },
  {
    title: 'a wrong token is refused, none passes',
    protocol: 'http',
    objects: TOKENS,
    asks: [
      ['dev/a', 'served'],
      ['dev/a', 'served', token({})],
      ['dev/a', 'served', token({ aud: ['x', 'api'] })],
      ['dev/a', 'unauthorised', token({ aud: 'other' })],
      ['dev/a', 'unauthorised', { token: issuers.token(ISSUER, { aud: 'postern' }, false) }],
      ['dev/a', 'unauthorised', { token: issuers.token('https://other', { aud: 'postern' }) }],
      ['dev/a', 'served', { token: issuers.token(ACTIONS_ISSUER, { aud: 'postern' }) }],
      ['dev/a', 'unauthorised', { token: issuers.token(ACTIONS_ISSUER, { aud: 'api' }) }],
    ],
  },
  {
    title: 'claims: text, lists, words of a scope; never numbers',
    protocol: 'http',
    objects:
      TOKENS +
      allow(
        `rules: [{when: [{key: "request.auth.claims[iss]", values: ["${ISSUER}"]}, {key: "request.auth.claims[roles]", values: [admin, "ops-*"]}]}, {when: [{key: "request.auth.claims[scope]", values: [write]}]}, {when: [{key: "request.auth.claims[level]", values: ["5", "true"]}]}]`,
      ),
    asks: [
      ['dev/a', 'served', token({ roles: 'admin' })],
      ['dev/a', 'served', token({ roles: ['x', 'ops-2'] })],
      ['dev/a', 'forbidden', token({ roles: ['x'] })],
      ['dev/a', 'served', token({ scope: 'read write' })],
      ['dev/a', 'forbidden', token({ scope: 'writer' })],
      ['dev/a', 'forbidden', token({ level: 5 })],
      ['dev/a', 'forbidden', token({ level: true })],
      ['dev/a', 'served', token({ level: '5' })],
      ['dev/a', 'forbidden'],
    ],
  },
  {
    title: 'a request principal cannot be a subject with a slash, claims can',
    protocol: 'http',
    objects:
      TOKENS +
      allow(
        `rules: [{from: [{source: {requestPrincipals: ["${ACTIONS_ISSUER}/repo:acme/shop", "${ISSUER}/me", "${ISSUER}/team-*"]}}]}, {when: [{key: "request.auth.claims[sub]", values: ["repo:acme/*"]}, {key: "request.auth.claims[iss]", values: ["${ACTIONS_ISSUER}"]}]}]`,
      ),
    asks: [
      ['dev/a', 'served', token({ sub: 'me' })],
      ['dev/a', 'served', token({ sub: 'team-7' })],
      ['dev/a', 'forbidden', token({ sub: 'you' })],
      [
        'dev/a',
        'served',
        { token: issuers.token(ACTIONS_ISSUER, { aud: 'postern', sub: 'repo:acme/shop' }) },
      ],
      [
        'dev/a',
        'forbidden',
        { token: issuers.token(ACTIONS_ISSUER, { aud: 'postern', sub: 'repo:evil/shop' }) },
      ],
    ],
  },
  {
    title: 'the subject with a slash, by request principal alone',
    protocol: 'http',
    objects:
      TOKENS +
      allow(
        `rules: [{from: [{source: {requestPrincipals: ["${ACTIONS_ISSUER}/repo:acme/shop"]}}]}]`,
      ),
    asks: [
      [
        'dev/a',
        'forbidden',
        { token: issuers.token(ACTIONS_ISSUER, { aud: 'postern', sub: 'repo:acme/shop' }) },
      ],
    ],
  },
  {
    title: 'stars of request principals',
    protocol: 'http',
    objects:
      TOKENS + allow('rules: [{from: [{source: {requestPrincipals: ["*/me", "https://log*"]}}]}]'),
    asks: [
      ['dev/a', 'served', token({ sub: 'me' })],
      ['dev/a', 'forbidden', token({ sub: 'you' })],
      ['dev/a', 'forbidden', token({})],
    ],
  },
  {
    title: 'who shows no token is told by its absence, and so is a token without subject',
    protocol: 'http',
    objects:
      TOKENS +
      deny(
        'rules: [{from: [{source: {notRequestPrincipals: ["*"]}}], to: [{operation: {notPaths: ["/health"]}}]}]',
      ),
    asks: [
      ['dev/a', 'forbidden'],
      ['dev/a', 'served', { path: '/health' }],
      ['dev/a', 'served', token({ sub: 'me' })],
      ['dev/a', 'forbidden', token({})],
    ],
  },
  {
    title: 'a name and claims together',
    protocol: 'http',
    objects:
      TOKENS +
      allow(
        'rules: [{from: [{source: {principals: [cluster.local/ns/dev/sa/a], requestPrincipals: ["*"]}}], when: [{key: "request.auth.claims[tid]", values: [t1]}]}]',
      ),
    asks: [
      ['dev/a', 'served', token({ sub: 'me', tid: 't1' })],
      ['dev/b', 'forbidden', token({ sub: 'me', tid: 't1' })],
      ['dev/a', 'forbidden', token({ sub: 'me', tid: 't2' })],
      ['plaintext', 'forbidden', token({ sub: 'me', tid: 't1' })],
    ],
  },
  {
    title: 'claims that nobody verified are none, and absence is not another value',
    protocol: 'http',
    objects: allow(
      'rules: [{when: [{key: "request.auth.claims[tid]", values: [t1]}]}, {to: [{operation: {paths: [/open]}}], when: [{key: "request.auth.claims[tid]", notValues: [t2]}]}]',
    ),
    asks: [
      ['dev/a', 'forbidden', token({ tid: 't1' })],
      ['dev/a', 'served', { path: '/open' }],
    ],
  },
  {
    title: 'nested claims',
    protocol: 'http',
    objects:
      TOKENS +
      allow('rules: [{when: [{key: "request.auth.claims[https://x.example/y][b]", values: [c]}]}]'),
    asks: [
      [
        'dev/a',
        'served',
        { token: issuers.token(ISSUER, { aud: 'postern', 'https://x.example/y': { b: ['c'] } }) },
      ],
      [
        'dev/a',
        'forbidden',
        { token: issuers.token(ISSUER, { aud: 'postern', 'https://x.example/y': { b: 'd' } }) },
      ],
    ],
  },
];
