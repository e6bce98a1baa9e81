// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import { parseDuration } from '../../model/duration.ts';

/** The only accepted `apiVersion`. */
export const API_VERSION = 'postern.dev/v1alpha1';

const CONTROL = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u;

/** Bounded before anything else looks at it: a pattern may take long on megabytes. */
const bounded = (limit: number) =>
  z.string().max(limit, { error: `is longer than ${limit} characters`, abort: true });

/** Text of at most so many characters, for patterns of their own. */
export const shortText = bounded(256);

/** Non-empty text on one line. */
export const text = bounded(1024)
  .min(1, 'must not be empty')
  .refine((value) => !CONTROL.test(value), 'must not contain control characters')
  .meta({ title: 'text' });

/** RFC 1123 label, as Kubernetes names things. */
export const name = bounded(1024)
  .regex(
    /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/,
    'must be at most 63 lower-case letters, digits and "-", starting and ending with a letter or digit',
  )
  .meta({ title: 'name' });

/** Entra object, client and tenant ids. */
export const guid = bounded(64)
  .regex(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/, 'must be a GUID in lower case')
  .meta({ title: 'GUID' });

/** RFC 1123 subdomain: object names, trust domains, host names. */
const SUBDOMAIN = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
export const subdomain = bounded(253)
  .regex(SUBDOMAIN, 'must be a lower-case DNS name')
  .meta({ title: 'DNS name' });

/** A DNS name or an IP address to connect to. */
export const host = bounded(253)
  .regex(
    /^([A-Za-z0-9]([-A-Za-z0-9.]*[A-Za-z0-9])?|[0-9a-fA-F:.]+)$/,
    'must be a host name or address',
  )
  .meta({ title: 'host' });

export const port = z
  .int()
  .min(1, 'must be 1 to 65535')
  .max(65_535, 'must be 1 to 65535')
  .meta({ title: 'port' });

/** `15m` -> milliseconds, more than zero. */
export const duration = bounded(64)
  .transform((value, context) => {
    const ms = parseDuration(value);
    if (ms === undefined || ms === 0) {
      const message = `"${value}" is not a duration such as 30s, 15m, 12h or 400d`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
    return ms;
  })
  .meta({ title: 'duration' });

/** RFC 3339 with a zone -> ms since the epoch. */
export const timestamp = bounded(64)
  .transform((value, context) => {
    const ms = parseTimestamp(value);
    if (ms === undefined) {
      const message = `"${value}" is not a time with zone such as 2027-03-31T00:00:00Z`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    }
    return ms;
  })
  .meta({ title: 'time' });

/** `Date.parse` turns February 31 into March 3; here it is no time. */
function parseTimestamp(value: string): number | undefined {
  const shape = /^(\d{4})-(\d\d)-(\d\d)T\d\d:\d\d:\d\d(\.\d{1,3})?(Z|[-+]\d\d:\d\d)$/;
  const [, year, month, day] = shape.exec(value) ?? [];
  const lastDay = new Date(Date.UTC(Number(year), Number(month), 0)).getUTCDate();
  const ms = Number(day) <= lastDay ? Date.parse(value) : Number.NaN;
  return Number.isNaN(ms) ? undefined : ms;
}

/** Kubernetes label syntax. */
const labelKey = bounded(317).regex(
  /^([a-z0-9.-]+\/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?$/,
  'is not a label name',
);
const labelValue = bounded(63).regex(
  /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/,
  'is not a label value',
);
export const labels = z.record(labelKey, labelValue).meta({ title: 'labels' });

/** Labels of declared things -> a set of them, resolved when the declaration is checked. */
export const selector = z
  .strictObject({
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
  })
  .meta({ title: 'Selector' });
export type SelectorSpec = z.output<typeof selector>;

/** A credential or certificate: exactly one key. */
export const material = z
  .strictObject({
    file: text.optional().describe('A file, relative to the declaration file.'),
    env: bounded(256)
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
  })
  .meta({ title: 'Credential' });
export type MaterialSpec = z.output<typeof material>;

/** Keys to verify tokens with: exactly one key. */
export const keySet = z
  .strictObject({
    url: text.optional().describe('Where the JWKS is fetched; https, http on loopback only.'),
    file: material.shape.file,
    env: material.shape.env,
    secret: material.shape.secret,
    configMap: material.shape.configMap,
  })
  .meta({ title: 'KeySet' });
export type KeySetSpec = z.output<typeof keySet>;
