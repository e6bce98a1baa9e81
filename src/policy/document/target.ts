// SPDX-License-Identifier: Apache-2.0
import { z } from 'zod';
import {
  duration,
  host,
  labels,
  material,
  name,
  port,
  shortText,
  subdomain,
  text,
} from './field.ts';

const identifier = shortText
  .min(1, 'must not be empty')
  .max(64, 'is longer than 64 characters')
  .regex(/^[A-Za-z0-9_$-]+$/, 'may hold letters, digits, "_", "$" and "-" only');

const schemas = z.array(identifier).min(1).optional().describe('Schemas the built-in roles cover.');

const upstreamTls = z
  .strictObject({
    ca: material.optional().describe('Root certificates (PEM) of the target.'),
    serverName: host.optional().describe('Name in its certificate, when not the endpoint host.'),
    clientCertificate: z
      .strictObject({
        cert: material.describe('PEM, the leaf first.'),
        key: material.describe('PEM.'),
      })
      .optional()
      .describe('Certificate Postern shows; leases are bound to it.'),
    insecureSkipVerify: z
      .literal(true)
      .optional()
      .describe('Encrypted, but anybody may answer for the target. A finding.'),
    insecurePlaintext: z.literal(true).optional().describe('No TLS to the target. A finding.'),
  })
  .meta({ title: 'UpstreamTls' });
export type UpstreamTlsSpec = z.output<typeof upstreamTls>;

const pods = z
  .strictObject({
    cluster: name.describe('Cluster it runs in.'),
    namespace: name.describe('Namespace of the pods.'),
    labels: labels.describe('Labels that all of its pods have, and no others.'),
    port: port.default(3306).describe('Port the pods listen on.'),
    operators: z
      .array(
        shortText.regex(
          /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$/,
          'must be namespace/service-account',
        ),
      )
      .default([])
      .describe('Service accounts besides Postern that may reach the port: operators, backups.'),
  })
  .meta({ title: 'DatabasePods' });

const mysql = z
  .strictObject({
    endpoints: z
      .array(
        z.strictObject({
          host: host.describe('Host name or address.'),
          port: port.default(3306).describe('Port.'),
          role: z.enum(['Primary', 'Replica']).default('Primary').describe('What it is used for.'),
        }),
      )
      .min(1)
      .describe('Where the server listens.'),
    tls: upstreamTls.describe('TLS to the server. Exactly one of `ca` and the insecure forms.'),
    broker: z
      .strictObject({
        user: text.describe('Account that may lend leases and nothing else.'),
        password: material.describe('Its password.'),
      })
      .describe('How Postern logs in to lend leases.'),
    reader: z
      .strictObject({
        user: text.describe('Account that may read who holds what, and nothing else.'),
        password: material.describe('Its password.'),
      })
      .optional()
      .describe(
        'How plan and drift read the state of the server. Made by bootstrap; not on MySQL yet.',
      ),
    operators: z
      .array(text)
      .default([])
      .describe(
        'Accounts `user@host` and roles of people and tools that may reach the schemas unasked.',
      ),
    schemas,
    caseInsensitiveNames: z
      .boolean()
      .default(false)
      .describe('lower_case_table_names is 1 or 2 on the server.'),
    pods: pods.optional().describe('Its pods, when it runs in a declared cluster; for the mesh.'),
  })
  .meta({ title: 'MysqlServer' });
export type MysqlSpec = z.output<typeof mysql>;

const azureSql = z.strictObject({
  server: subdomain.describe('Such as `orders.database.windows.net`.'),
  database: text.describe('Database.'),
  schemas,
});

const synapse = z.strictObject({
  workspace: subdomain.describe('Name of the workspace.'),
  pool: z.enum(['Dedicated', 'Serverless']).describe('Kind of SQL pool.'),
  database: text.describe('Database or dedicated pool.'),
  schemas,
});

const azureMl = z.strictObject({
  endpoint: host.describe('Host of the online endpoint.'),
  deployments: z
    .array(
      z.strictObject({
        name: name.describe('Deployment of the endpoint.'),
        weight: z
          .int()
          .min(0, 'must be 0 to 100')
          .max(100, 'must be 0 to 100')
          .describe('Percentage of the requests.'),
      }),
    )
    .refine(
      (all) => all.length === 0 || all.reduce((sum, { weight }) => sum + weight, 0) === 100,
      'the weights must be 100 in sum',
    )
    .default([])
    .describe('How requests are divided; by default as the endpoint itself says.'),
});

const http = z.strictObject({
  host: host.describe('Host of the API.'),
  port: port.default(443).describe('Port.'),
  paths: z.array(text).min(1).describe('Paths; `*` at the start or end.'),
  methods: z
    .array(z.enum(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']))
    .min(1)
    .describe('Methods.'),
});

/** The keys of a Target of which exactly one is given. */
export const TARGET_FORMS = ['mariadb', 'mysql', 'azureSql', 'synapse', 'azureMl', 'http'] as const;

export const targetSpec = z
  .strictObject({
    expose: z
      .strictObject({
        service: name.optional().describe('Kubernetes Service name; by default the Target name.'),
        port: port.describe('Port principals connect to.'),
        hostnames: z
          .array(subdomain)
          .default([])
          .describe('Further host names, recognised by SNI.'),
        localPort: port.optional().describe('Port `postern connect` opens on loopback.'),
      })
      .describe('How principals reach it.'),
    enforcement: z
      .enum(['Enforce', 'Observe'])
      .default('Enforce')
      .describe('Observe: allow, record "would deny", propose grants.'),
    audit: z
      .strictObject({
        statements: z
          .enum(['Text', 'Normalised', 'None'])
          .default('Normalised')
          .describe(
            'How statements are recorded: as they are, with `?` for literals, or by a keyed hash alone.',
          ),
        parameters: z
          .enum(['None', 'Hash'])
          .default('None')
          .describe('Whether parameters of prepared statements leave a keyed hash.'),
        retention: duration.default(34_560_000_000).describe('How long records are kept.'),
      })
      .prefault({})
      .describe('What is recorded.'),
    mariadb: mysql.optional().describe('MariaDB.'),
    mysql: mysql.optional().describe('MySQL.'),
    azureSql: azureSql.optional().describe('Azure SQL; not served yet.'),
    synapse: synapse.optional().describe('Synapse SQL; not served yet.'),
    azureMl: azureMl.optional().describe('Azure ML online endpoint; not served yet.'),
    http: http.optional().describe('An HTTP API; not served yet.'),
  })
  .describe('A protected database or API. Namespaced: it belongs to the owner of the data.');
