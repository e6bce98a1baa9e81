// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { guid, name, selector, text } from './field.ts';

const user = z
  .strictObject({
    provider: name.describe('IdentityProvider.'),
    id: text.describe('Immutable id at the provider; for entra the object id.'),
    displayName: text.optional().describe('For the reader; never compared.'),
  })
  .meta({ title: 'User' });

const group = z
  .strictObject({
    provider: name.describe('IdentityProvider.'),
    id: text
      .optional()
      .describe('Immutable id at the provider; for entra the object id. Required.'),
    displayName: text.optional().describe('For the reader; never compared.'),
  })
  .meta({ title: 'Group' });

const appRole = z
  .strictObject({
    provider: name.describe('IdentityProvider.'),
    value: text.describe('Value of the application role.'),
  })
  .meta({ title: 'AppRole' });

const person = z
  .strictObject({
    user: user.optional().describe('One person.'),
    group: group.optional().describe('Members of a group.'),
    appRole: appRole.optional().describe('Holders of an application role.'),
  })
  .meta({ title: 'Person' });

const ci = z
  .strictObject({
    provider: name.describe('IdentityProvider.'),
    ownerId: text.optional().describe('Immutable id of the owner or organization, quoted.'),
    repositoryId: text.optional().describe('Immutable id of the repository or project, quoted.'),
    repository: text.optional().describe('Name of the repository; compared as well, when given.'),
    environment: text.optional().describe('Deployment environment.'),
    ref: text
      .optional()
      .describe('Branch or tag, such as `refs/heads/main`; `*` at its start or end.'),
  })
  .meta({ title: 'CiJob' });

const agent = z
  .strictObject({
    provider: name.describe('IdentityProvider.'),
    client: text.describe('Client id of the application or agent.'),
    onBehalfOf: person
      .optional()
      .describe('The person it must act for; rights are the intersection. Exactly one key.'),
  })
  .meta({ title: 'Agent' });

const managedIdentity = z
  .strictObject({
    provider: name.describe('IdentityProvider of preset `entra`.'),
    clientId: guid.describe('Client id (not the object id) of the managed identity.'),
  })
  .meta({ title: 'ManagedIdentity' });

/** A set of workloads of declared clusters; also what a Team lists. */
export const workload = z
  .strictObject({
    clusters: selector.optional().describe('By labels of the Cluster; absent: all clusters.'),
    namespaceSelector: selector
      .optional()
      .describe('By labels in `Cluster.spec.namespaces`; absent: all namespaces.'),
    serviceAccounts: z
      .array(text)
      .min(1)
      .optional()
      .describe('`namespace/name`; a Deny may say `namespace/*`.'),
  })
  .meta({ title: 'Workload' });
export type WorkloadSpec = z.output<typeof workload>;

/** Members of a Team: everything that names people, CI jobs and agents. */
export const member = z
  .strictObject({
    user: person.shape.user,
    group: person.shape.group,
    appRole: person.shape.appRole,
    ci: ci.optional().describe('A CI job; `ownerId` or `repositoryId` is required in a Grant.'),
    agent: agent.optional().describe('An application or agent with an identity of its own.'),
    managedIdentity: managedIdentity.optional().describe('An Azure managed identity.'),
  })
  .meta({ title: 'Member' });

/** One identity, and nobody's group: what another name may be given to. */
export const identity = z
  .strictObject({
    user: person.shape.user,
    ci: ci.optional().describe('A CI job; `ownerId` or `repositoryId` is required.'),
    agent: agent
      .omit({ onBehalfOf: true })
      .optional()
      .describe('An application or agent acting for itself.'),
    managedIdentity: member.shape.managedIdentity,
  })
  .meta({ title: 'Identity' });

/** Exactly one key; values inside one key are ANDed, subjects in a list are ORed. */
export const subject = z
  .strictObject({
    ...member.shape,
    team: name.optional().describe('Members and workloads of a Team.'),
    membersOf: name.optional().describe('Members of a Team.'),
    workloadsOf: name.optional().describe('Workloads of a Team.'),
    workload: workload.optional().describe('Workloads of declared clusters.'),
    serviceAccount: text.optional().describe('One workload: `cluster/namespace/name`.'),
    spiffeId: text.optional().describe('One workload: `spiffe://trust-domain/ns/.../sa/...`.'),
    any: z
      .enum(['workload', 'user', 'ci', 'agent'])
      .optional()
      .describe('Everybody of one kind; only in a Deny.'),
  })
  .meta({ title: 'Subject' });
export type SubjectSpec = z.output<typeof subject>;
