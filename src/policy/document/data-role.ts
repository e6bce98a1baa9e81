// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { ACTIONS } from '../../model/request.ts';
import { text } from './field.ts';

const guardrails = z.strictObject({
  requireWhere: z
    .array(z.enum(['update', 'delete']))
    .default([])
    .describe('Statements of these kinds need a WHERE.'),
  multiStatement: z
    .enum(['Allow', 'Deny'])
    .default('Deny')
    .describe('Several statements in one request.'),
  localInfile: z.enum(['Allow', 'Deny']).default('Deny').describe('LOAD DATA LOCAL.'),
});

export const dataRoleSpec = z
  .strictObject({
    privileges: z
      .array(
        z.strictObject({
          tables: z
            .array(text)
            .min(1)
            .optional()
            .describe('`schema.table`, or `schema.*` for every table and view, now and later.'),
          routines: z.array(text).min(1).optional().describe('`schema.routine`.'),
          actions: z.array(z.enum(ACTIONS)).min(1).describe('What may be done with them.'),
          columns: z.array(text).min(1).optional().describe('Only these columns of one table.'),
          as: text
            .optional()
            .describe('`schema.view`: offer the columns through this definer view.'),
        }),
      )
      .min(1)
      .describe('Rights; they add up.'),
    guardrails: guardrails.prefault({}).describe('Limits on statements.'),
  })
  .describe('A named set of privileges. Namespaced: beside its Target.');
export type PrivilegeSpec = z.output<typeof dataRoleSpec>['privileges'][number];
