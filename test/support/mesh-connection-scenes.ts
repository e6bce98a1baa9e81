// SPDX-License-Identifier: Apache-2.0
import { allow, authorization, deny, peer, type Scene } from './mesh-scene.ts';

const ONLY_POSTERN =
  'rules: [{from: [{source: {principals: [cluster.local/ns/gate/sa/postern]}}], to: [{operation: {ports: ["3306"]}}]}]';

/** What is told of connections: one of the rules of Istio each. */
export const CONNECTION_SCENES: readonly Scene[] = [
  {
    title: 'without any policy everybody may, plaintext too',
    objects: '',
    asks: [
      ['payments/checkout', 'served'],
      ['plaintext', 'served'],
      ['evil.example/a/b', 'closed'],
    ],
  },
  {
    title: 'an ALLOW policy denies whom it does not name',
    objects: allow(ONLY_POSTERN),
    asks: [
      ['gate/postern', 'served'],
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'an ALLOW policy without rules lets nobody in, one with an empty rule everybody',
    objects: allow('rules: []'),
    asks: [
      ['gate/postern', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  { title: 'an empty rule', objects: allow('rules: [{}]'), asks: [['plaintext', 'served']] },
  {
    title: 'a DENY is not narrowed by an ALLOW',
    objects:
      allow('rules: [{}]') +
      deny(
        'rules: [{from: [{source: {notPrincipals: [cluster.local/ns/gate/sa/postern]}}], to: [{operation: {ports: ["3306"]}}]}]',
      ),
    asks: [
      ['gate/postern', 'served'],
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'ports are those of the pod',
    port: 3307,
    objects: deny('rules: [{to: [{operation: {ports: ["3306"]}}]}]'),
    asks: [['payments/checkout', 'served']],
  },
  {
    title: 'an ALLOW rule of HTTP vanishes from a chain of bytes',
    objects: allow('rules: [{to: [{operation: {ports: ["3306"], paths: ["/a"]}}]}]'),
    asks: [
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'a DENY of HTTP alone denies all bytes',
    objects: deny('rules: [{to: [{operation: {methods: [POST]}}]}]'),
    asks: [
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'a DENY of HTTP with a source denies that source all bytes',
    objects: deny(
      'rules: [{from: [{source: {namespaces: [dev]}}], to: [{operation: {paths: ["/a"]}}]}]',
    ),
    asks: [
      ['dev/a', 'closed'],
      ['payments/checkout', 'served'],
      ['plaintext', 'served'],
    ],
  },
  {
    title: 'a DENY of a namespace does not meet plaintext, one by exclusion does',
    objects: deny(
      'rules: [{from: [{source: {namespaces: [dev]}}], to: [{operation: {ports: ["3306"]}}]}]',
    ),
    asks: [
      ['dev/a', 'closed'],
      ['prod/a', 'served'],
      ['plaintext', 'served'],
    ],
  },
  {
    title: 'notNamespaces',
    objects: deny(
      'rules: [{from: [{source: {notNamespaces: [prod]}}], to: [{operation: {ports: ["3306"]}}]}]',
    ),
    asks: [
      ['dev/a', 'closed'],
      ['prod/a', 'served'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'an ALLOW by exclusion lets plaintext in',
    objects: allow('rules: [{from: [{source: {notPrincipals: [cluster.local/ns/dev/sa/a]}}]}]'),
    asks: [
      ['dev/a', 'closed'],
      ['prod/a', 'served'],
      ['plaintext', 'served'],
    ],
  },
  {
    title: 'serviceAccounts look at no trust domain, and are of the policy’s namespace',
    objects: allow('rules: [{from: [{source: {serviceAccounts: [payments/checkout, own]}}]}]'),
    asks: [
      ['payments/checkout', 'served'],
      ['old.example/payments/checkout', 'served'],
      ['data/own', 'served'],
      ['payments/own', 'closed'],
      ['payments/checkout-two', 'closed'],
    ],
  },
  {
    title: 'principals mean every name of the mesh, cluster.local all of them',
    objects: allow(
      'rules: [{from: [{source: {principals: [old.example/ns/payments/sa/checkout]}}]}]',
    ),
    asks: [
      ['payments/checkout', 'served'],
      ['old.example/payments/checkout', 'served'],
      ['evil.example/payments/checkout', 'closed'],
    ],
  },
  {
    title: 'a prefix that is no whole name means one trust domain',
    objects: allow('rules: [{from: [{source: {principals: ["cluster.local/*"]}}]}]'),
    asks: [
      ['payments/checkout', 'served'],
      ['old.example/payments/checkout', 'closed'],
    ],
  },
  {
    title: 'stars are at the ends, and one alone means anybody with a name',
    objects: allow(
      'rules: [{from: [{source: {principals: ["*/sa/checkout", "cluster.local/ns/rep*"]}}]}]',
    ),
    asks: [
      ['payments/checkout', 'served'],
      ['reports/nightly', 'served'],
      ['payments/other', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'a star in the middle is a character',
    objects: allow('rules: [{from: [{source: {principals: ["cluster.local/ns/*/sa/checkout"]}}]}]'),
    asks: [['payments/checkout', 'closed']],
  },
  {
    title: 'a star alone',
    objects: allow('rules: [{from: [{source: {principals: ["*"]}}]}]'),
    asks: [
      ['payments/checkout', 'served'],
      ['plaintext', 'closed'],
    ],
  },
  {
    title: 'a dot after a star is any character, as Istio hands it on',
    objects: allow('rules: [{from: [{source: {principals: ["*/sa/a.b"]}}]}]'),
    asks: [
      ['payments/a.b', 'served'],
      ['payments/axb', 'served'],
      ['payments/ab', 'closed'],
    ],
  },
  {
    title: 'namespaces have stars anywhere',
    objects: allow('rules: [{from: [{source: {namespaces: ["p*s", dev]}}]}]'),
    asks: [
      ['payments/a', 'served'],
      ['dev/a', 'served'],
      ['payment/a', 'closed'],
      ['develop/a', 'closed'],
    ],
  },
  {
    title: 'fields of a source are ANDed, sources ORed',
    objects: allow(
      'rules: [{from: [{source: {namespaces: [dev], ipBlocks: [127.1.0.0/16]}}, {source: {namespaces: [prod]}}]}]',
    ),
    asks: [
      ['dev/a', 'served', { source: '127.1.0.9' }],
      ['dev/a', 'closed', { source: '127.2.0.9' }],
      ['prod/a', 'served', { source: '127.2.0.9' }],
      ['plaintext', 'closed', { source: '127.1.0.9' }],
    ],
  },
  {
    title: 'conditions are ANDed with each other and the rest',
    objects: allow(
      'rules: [{when: [{key: source.namespace, values: [dev, prod]}, {key: source.ip, notValues: [127.1.0.0/16]}, {key: destination.port, values: ["3306"]}]}]',
    ),
    asks: [
      ['dev/a', 'served', { source: '127.2.0.9' }],
      ['dev/a', 'closed', { source: '127.1.0.9' }],
      ['other/a', 'closed', { source: '127.2.0.9' }],
    ],
  },
  {
    title: 'policies of the root namespace add to those of the pod’s',
    objects:
      authorization(
        'DENY',
        'rules: [{from: [{source: {namespaces: [dev]}}]}]',
        'r',
        'istio-system',
      ) +
      authorization('DENY', 'rules: [{from: [{source: {namespaces: [prod]}}]}]', 'x', 'elsewhere') +
      deny('selector: {matchLabels: {app: other}}, rules: [{}]') +
      allow('selector: {matchLabels: {app: db}}, rules: [{}]'),
    asks: [
      ['dev/a', 'closed'],
      ['prod/a', 'served'],
    ],
  },
  {
    title: 'what is bound to a gateway is not for pods',
    objects: deny(
      'targetRefs: [{kind: Gateway, name: g, group: gateway.networking.k8s.io}], rules: [{}]',
    ),
    asks: [['dev/a', 'served']],
  },
  {
    title: 'a dry run decides nothing',
    objects: deny('rules: [{}]').replace(
      'namespace: data',
      'namespace: data, annotations: {istio.io/dry-run: "true"}',
    ),
    asks: [['dev/a', 'served']],
  },
  {
    title: 'STRICT refuses plaintext',
    objects: peer('mtls: {mode: STRICT}'),
    asks: [
      ['dev/a', 'served'],
      ['plaintext', 'closed'],
      ['evil.example/dev/a', 'closed'],
    ],
  },
  {
    title: 'the pod’s own mode is before the namespace’s and the mesh’s',
    objects:
      peer('mtls: {mode: STRICT}', 'istio-system') +
      peer('mtls: {mode: UNSET}') +
      peer('selector: {matchLabels: {app: db}}, mtls: {mode: PERMISSIVE}'),
    asks: [
      ['dev/a', 'served'],
      ['plaintext', 'served'],
    ],
  },
  {
    title: 'an unset mode is that of the mesh',
    objects: peer('mtls: {mode: STRICT}', 'istio-system') + peer('mtls: {mode: UNSET}'),
    asks: [
      ['plaintext', 'closed'],
      ['dev/a', 'served'],
    ],
  },
  {
    title: 'the mode of the port is before all',
    objects: peer(
      'selector: {matchLabels: {app: db}}, mtls: {mode: STRICT}, portLevelMtls: {"3306": {mode: PERMISSIVE}}',
    ),
    asks: [['plaintext', 'served']],
  },
  {
    title: 'the number of the Service’s port means nothing',
    port: 3307,
    objects: peer('selector: {matchLabels: {app: db}}, portLevelMtls: {"3306": {mode: STRICT}}'),
    asks: [['plaintext', 'served']],
  },
  {
    title: 'a port without TLS sees no name',
    objects:
      peer('selector: {matchLabels: {app: db}}, portLevelMtls: {"3306": {mode: DISABLE}}') +
      allow('rules: [{from: [{source: {principals: ["*"]}}]}]'),
    asks: [
      ['payments/checkout', 'closed'],
      ['plaintext', 'closed'],
    ],
  },
];
