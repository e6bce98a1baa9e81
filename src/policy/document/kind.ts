// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { clusterSpec } from './cluster.ts';
import { dataRoleSpec } from './data-role.ts';
import { expectationSpec } from './expectation.ts';
import { API_VERSION, labels, name, shortText } from './field.ts';
import { identityProviderSpec } from './identity-provider.ts';
import { denySpec, grantSpec } from './rule.ts';
import { serviceClassSpec } from './service-class.ts';
import { targetSpec } from './target.ts';
import { teamSpec } from './team.ts';

const specs = {
  Cluster: clusterSpec,
  IdentityProvider: identityProviderSpec,
  Team: teamSpec,
  Target: targetSpec,
  DataRole: dataRoleSpec,
  Grant: grantSpec,
  Deny: denySpec,
  ServiceClass: serviceClassSpec,
  Expectation: expectationSpec,
} as const;

export type Kind = keyof typeof specs;
export type Spec<K extends Kind> = z.output<(typeof specs)[K]>;
export const KINDS = Object.keys(specs) as readonly Kind[];

const NAMESPACED: ReadonlySet<Kind> = new Set(['Target', 'DataRole', 'Grant', 'Expectation']);
export const isNamespaced = (kind: Kind): boolean => NAMESPACED.has(kind);

const metadata = z.strictObject({
  name: name.describe('Name; unique per kind and namespace.'),
  labels: labels.default({}).describe('Labels, for selectors.'),
  annotations: z
    .record(shortText, z.string())
    .meta({ title: 'text by name' })
    .default({})
    .describe('Notes for people and tools.'),
});

const namespacedMetadata = z.strictObject({
  ...metadata.shape,
  namespace: name.describe('Namespace of the owner of the data.'),
});

/** The whole document of each kind. */
export const DOCUMENT_SCHEMAS: ReadonlyMap<Kind, z.ZodType> = new Map(
  KINDS.map((kind) => [kind, documentSchema(kind)]),
);

function documentSchema(kind: Kind): z.ZodType {
  return z.strictObject({
    apiVersion: z.literal(API_VERSION).describe('The version of this format.'),
    kind: z.literal(kind).describe('What is declared.'),
    metadata: (isNamespaced(kind) ? namespacedMetadata : metadata).describe('What it is called.'),
    spec: specs[kind],
  });
}
