// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { parseDuration } from '../../model/duration.ts';

/** The only accepted `apiVersion`. */
export const API_VERSION = 'postern.dev/v1alpha1';

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Non-empty text on one line. */
export const text = z
  .string()
  .min(1, 'must not be empty')
  .max(1024, 'is longer than 1024 characters')
  .refine((value) => !CONTROL.test(value), 'must not contain control characters');

/** RFC 1123 label, as Kubernetes names things. */
export const name = z
  .string()
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'must be at most 63 lower-case letters, digits and "-", starting and ending with a letter or digit',
  );

/** RFC 1123 subdomain: object names, trust domains, host names. */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
export const subdomain = z
  .string()
  .max(253, 'is longer than 253 characters')
  .regex(SUBDOMAIN, 'must be a lower-case DNS name');

/** A DNS name or an IP address to connect to. */
export const host = z
  .string()
  .max(253, 'is longer than 253 characters')
  .regex(
    /^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|[0-9a-fA-F:.]+)$/,
    'must be a host name or address',
  );

export const port = z.int().min(1, 'must be 1 to 65535').max(65_535, 'must be 1 to 65535');

/** `15m` -> milliseconds, more than zero. */
export const duration = z.string().transform((value, context) => {
  const ms = parseDuration(value);
  if (ms === undefined || ms === 0) {
    const message = `"${value}" is not a duration such as 30s, 15m, 12h or 400d`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
  return ms;
});

/** RFC 3339 with a zone -> ms since the epoch. */
export const timestamp = z.string().transform((value, context) => {
  const shape = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[-+]\d\d:\d\d)$/;
  const ms = shape.test(value) ? Date.parse(value) : Number.NaN;
  if (Number.isNaN(ms)) {
    const message = `"${value}" is not a time with zone such as 2027-03-31T00:00:00Z`;
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  }
  return ms;
});

/** Kubernetes label syntax. */
const labelKey = z
  .string()
  .max(317, 'is longer than 317 characters')
  .regex(/^([a-z0-9.-]+\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/, 'is not a label name');
const labelValue = z
  .string()
  .regex(/^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/, 'is not a label value');
export const labels = z.record(labelKey, labelValue);

/** Labels of declared things -> a set of them, resolved when the declaration is checked. */
export const selector = z.strictObject({
  matchLabels: labels.optional().describe('Every one of these labels has this value.'),
  notMatchLabels: labels
    .optional()
    .describe(
      'None of these labels has this value. A missing label does not match in a Grant and matches in a Deny.',
    ),
  matchExpressions: z
    .array(
      z.strictObject({
        key: labelKey.describe('Label name.'),
        operator: z
          .enum(['In', 'NotIn', 'Exists', 'DoesNotExist'])
          .describe('How the label is tested.'),
        values: z.array(labelValue).min(1).optional().describe('For `In` and `NotIn`.'),
      }),
    )
    .optional()
    .describe('Every one of these tests holds.'),
});
export type SelectorSpec = z.output<typeof selector>;

/** A credential or certificate: exactly one key. */
export const material = z.strictObject({
  file: text.optional().describe('A file, relative to the declaration file.'),
  env: z
    .string()
    .regex(/^[A-Za-z_][A-Za-z0-9_]*$/, 'is not the name of an environment variable')
    .optional()
    .describe('An environment variable of `postern serve`.'),
  secret: z
    .strictObject({
      name: subdomain.describe('Name of the Secret.'),
      key: text.describe('Key in it.'),
    })
    .optional()
    .describe('A Kubernetes Secret; needs a cluster.'),
  configMap: z
    .strictObject({
      name: subdomain.describe('Name of the ConfigMap.'),
      key: text.describe('Key in it.'),
    })
    .optional()
    .describe('A Kubernetes ConfigMap; needs a cluster.'),
});
export type MaterialSpec = z.output<typeof material>;

/** Keys to verify tokens with: exactly one key. */
export const keySet = z.strictObject({
  url: text.optional().describe('Where the JWKS is fetched; https, http on loopback only.'),
  file: material.shape.file,
  env: material.shape.env,
  secret: material.shape.secret,
  configMap: material.shape.configMap,
});
export type KeySetSpec = z.output<typeof keySet>;
