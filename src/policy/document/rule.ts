// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { condition } from './condition.ts';
import { duration, name, selector, timestamp } from './field.ts';
import { subject } from './subject.ts';

const subjects = z.array(subject).min(1).describe('Who; any one of them. Exactly one key each.');

export const grantSpec = z
  .strictObject({
    subjects,
    targetSelector: selector.describe(
      'Targets of the same namespace, by label. Must not be empty.',
    ),
    role: name.describe('A DataRole of the same namespace, or a built-in role.'),
    lease: z
      .strictObject({
        ttl: duration.default(900_000).describe('Life of a lease before it is renewed.'),
      })
      .prefault({})
      .describe('The credential lent on the target.'),
    session: z
      .strictObject({
        maxDuration: duration.default(43_200_000).describe('The longest a session may live.'),
      })
      .prefault({})
      .describe('One connection.'),
    expires: timestamp.optional().describe('From then on it gives nothing. RFC 3339, quoted.'),
    serviceClass: name.optional().describe('ServiceClass with the limits.'),
    when: z.array(condition).default([]).describe('All of these must hold, at every request.'),
  })
  .describe('Gives. Namespaced: beside its Target.');

export const denySpec = z
  .strictObject({
    subjects,
    targets: selector.describe('Targets of all namespaces, by label; `{}` is all of them.'),
    when: z.array(condition).default([]).describe('All of these must hold.'),
  })
  .describe('Takes away; wins over every Grant. Cluster-scoped.');
