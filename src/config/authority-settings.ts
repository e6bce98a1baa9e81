// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { address, certificateFiles, duration, settingsSchema } from './settings.ts';

const SHORTEST_LIFE_MS = 5_000;
const LONGEST_LIFE_MS = 24 * 3_600_000;

/** Every setting of `postern ca serve`. */
export const authoritySettingsSchema = z.strictObject({
  instance: z
    .string()
    .regex(/^[a-z0-9-]{1,32}$/)
    .default('postern-ca')
    .describe('Name of this installation, in audit streams and logs.'),
  listen: address.describe('Where to listen with https, `host:port`.'),
  directory: z.string().default('./ca').describe('What `postern ca init` made.'),
  policy: z
    .union([z.string(), z.array(z.string()).min(1)])
    .default('./policy')
    .transform((value) => (typeof value === 'string' ? [value] : value))
    .describe('Files and directories with the declaration.'),
  cluster: z
    .string()
    .describe('The Cluster of the declaration whose workloads it certifies (`certificates`).'),
  tls: certificateFiles
    .optional()
    .describe('Server certificate; default: the one in `directory` that `init --name` made.'),
  life: duration('4h')
    .refine((ms) => ms >= SHORTEST_LIFE_MS && ms <= LONGEST_LIFE_MS, 'must be between 5s and 24h')
    .describe('Life of a certificate, and the longest that anybody can ask for.'),
  servers: z
    .array(z.string().regex(/^[^/]+\/[^/]+$/, 'must be namespace/service-account'))
    .default([])
    .describe('Workloads whose certificates serve as well (serverAuth): `namespace/name`.'),
  perMinute: z
    .int()
    .min(1)
    .default(60)
    .describe('Certificates that one principal may ask for in a minute.'),
  audit: settingsSchema.shape.audit
    .unwrap()
    .omit({ hashKey: true })
    .extend({
      directory: z.string().default('./ca-audit').describe('Its own; not that of a gateway.'),
      signingKey: z
        .string()
        .default('./ca-audit-signing-key.pem')
        .describe('Ed25519 key of the signed heads; made on first start, read only by the signer.'),
    })
    .prefault({})
    .describe('The audit of what was issued and refused.'),
  log: settingsSchema.shape.log,
});

export type AuthoritySettings = z.output<typeof authoritySettingsSchema>;
