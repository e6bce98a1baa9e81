// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { guid } from './field.ts';
import { member, workload } from './subject.ts';

export const teamSpec = z
  .strictObject({
    members: z
      .array(member)
      .default([])
      .describe('People, CI jobs and agents. Exactly one key each.'),
    workloads: z
      .array(
        z.strictObject({
          ...workload.shape,
          entra: z
            .strictObject({ clientId: guid.describe('Client id of the application.') })
            .optional()
            .describe('The Entra application these workloads act as.'),
        }),
      )
      .default([])
      .describe('Workloads the team runs.'),
  })
  .describe('One place for "who". Cluster-scoped.');
