// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { duration } from './field.ts';

const limit = z.int().min(1, 'must be at least 1').optional();

export const serviceClassSpec = z
  .strictObject({
    connections: limit.describe('Sessions of one principal at one Target. Default: no limit.'),
    requestsPerSecond: limit.describe('Requests of one principal. Default: no limit.'),
    rowsPerRequest: limit.describe('Rows one request may return. Default: no limit.'),
    requestTimeout: duration.optional().describe('Time one request may take. Default: no limit.'),
  })
  .describe('Limits by name. Cluster-scoped.');
