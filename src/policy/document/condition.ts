// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { shortText, text } from './field.ts';

/** One test of `when`; all of them must hold. */
export const condition = z
  .strictObject({
    key: text.describe(
      '`time`, `claim[NAME]`, `identity.method`, `target.label[NAME]` or `source.ip`.',
    ),
    between: z
      .array(shortText)
      .optional()
      .describe('`time`: `["06:00", "22:00"]`, from inclusive, to exclusive; may pass midnight.'),
    days: z
      .array(z.enum(['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat']))
      .min(1)
      .optional()
      .describe('`time`: days on which a window starts; absent: every day.'),
    zone: text
      .optional()
      .describe('`time`: IANA time zone, such as `Europe/Berlin`. Required there.'),
    values: z
      .array(text)
      .min(1)
      .optional()
      .describe('Any of these; `*` at the start or end. `source.ip`: CIDR ranges.'),
    notValues: z
      .array(text)
      .min(1)
      .optional()
      .describe('None of these; a missing key does not match in a Grant and matches in a Deny.'),
  })
  .meta({ title: 'Condition' });
export type ConditionSpec = z.output<typeof condition>;
