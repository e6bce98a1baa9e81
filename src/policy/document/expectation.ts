// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { text, timestamp } from './field.ts';

export const expectationSpec = z
  .strictObject({
    as: text.describe(
      '`workload/CLUSTER/NAMESPACE/SA`, `user/PROVIDER/ID`, `ci/PROVIDER/REPOSITORY@ENVIRONMENT` or `agent/PROVIDER/CLIENT`.',
    ),
    groups: z.array(text).default([]).describe('Group ids the principal has.'),
    appRoles: z.array(text).default([]).describe('Application roles the principal has.'),
    claims: z
      .record(text, z.array(text).min(1))
      .meta({ title: 'lists of text by name' })
      .default({})
      .describe('Verified claims the principal has; each a list of text.'),
    ci: z
      .strictObject({
        ownerId: text.optional().describe('Immutable id of the owner, quoted.'),
        repositoryId: text.optional().describe('Immutable id of the repository, quoted.'),
        ref: text.optional().describe('Branch or tag, such as `refs/heads/main`.'),
      })
      .optional()
      .describe('For `as: ci/...`: what the id does not say.'),
    to: text.describe('A Target: `name` in the same namespace, or `namespace/name`.'),
    do: text
      .optional()
      .describe('`ACTION OBJECT`, such as `select shop.orders`; absent: connecting.'),
    at: timestamp
      .optional()
      .describe(
        'When. Absent: `Allow` holds when it is allowed at some time, address and method; `Deny` when at none.',
      ),
    expect: z.enum(['Allow', 'Deny']).describe('The decision it must give.'),
  })
  .describe('A unit test of the policy. Namespaced.');
