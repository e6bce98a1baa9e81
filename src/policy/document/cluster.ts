// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { duration, keySet, labels, material, name, shortText, subdomain, text } from './field.ts';
import { identity } from './subject.ts';

export const clusterSpec = z
  .strictObject({
    trustDomain: subdomain
      .default('cluster.local')
      .describe('SPIFFE trust domain of its workload identities.'),
    trustDomainAliases: z
      .array(subdomain)
      .default([])
      .describe('Further trust domains that mean this cluster, as after a migration.'),
    bundle: material.describe('Root certificates (PEM) that its workload certificates chain to.'),
    serviceAccountTokens: z
      .strictObject({
        issuer: text.describe('Exact `iss` of its service account tokens.'),
        audiences: z.array(text).min(1).describe('At least one must be in `aud`.'),
        jwks: keySet.optional().describe('Keys; by default discovered from the issuer.'),
        tokenReview: z
          .strictObject({
            server: text.describe('Address of the API server, `https://host:port`.'),
            ca: material.describe('Root certificates (PEM) of the API server.'),
            token: material.describe(
              'Token of a service account that may create TokenReviews (system:auth-delegator).',
            ),
            alone: z
              .boolean()
              .default(false)
              .describe(
                'The review replaces the check of the signature, where no keys can be had.',
              ),
          })
          .optional()
          .describe(
            'Ask the cluster whether a token still counts: its pod or account may be gone.',
          ),
      })
      .optional()
      .describe('Accept Kubernetes service account tokens of this cluster.'),
    certificates: z
      .strictObject({
        serviceAccounts: z
          .boolean()
          .default(false)
          .describe('Whoever has a service account token of this cluster gets its own name.'),
        identities: z
          .array(
            z.strictObject({
              subject: identity.describe('Who. Exactly one key.'),
              as: shortText
                .regex(
                  /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
                  'must be namespace/service-account',
                )
                .describe('The workload it becomes, `namespace/service-account`.'),
            }),
          )
          .default([])
          .describe('Others who get a certificate, and as which workload of this cluster.'),
      })
      .optional()
      .describe('Who gets a workload certificate of this cluster from `postern ca`.'),
    namespaces: z
      .array(
        z.strictObject({
          name: name.describe('Namespace.'),
          labels: labels.default({}).describe('Its labels, for `namespaceSelector`.'),
        }),
      )
      .default([])
      .describe('Namespaces whose labels rules may use; labels of others are unknown.'),
    istio: z
      .strictObject({
        version: shortText
          .regex(/^1\.\d{1,3}$/, 'must be a minor version such as "1.29"')
          .describe('Minor version of Istio.'),
        dataPlane: z
          .enum(['Sidecar', 'Ambient', 'None'])
          .describe('How workloads of this cluster join the mesh.'),
        gateway: z
          .strictObject({
            namespace: name.describe('Namespace Postern runs in.'),
            serviceAccount: subdomain.describe('Service account Postern runs as.'),
          })
          .optional()
          .describe('Where Postern itself runs in this cluster.'),
        confinedNamespaces: z
          .array(name)
          .default([])
          .describe('Namespaces whose workloads may reach only each other and Postern.'),
        certificateTtl: duration
          .optional()
          .describe('Life of the certificates of sidecars; by default what the mesh says.'),
      })
      .optional()
      .describe('The mesh of this cluster.'),
  })
  .describe('A cluster vouches for workloads. Cluster-scoped.');
