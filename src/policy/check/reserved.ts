// SPDX-License-Identifier: Apache-2.0

/** Schemas that no lease may reach: rights in them are rights over every account. */
const RESERVED_SCHEMAS: ReadonlyMap<string, string> = new Map([
  ['postern', 'the lease registry of Postern'],
  ['mysql', 'the server'],
  ['sys', 'the server'],
  ['performance_schema', 'the server'],
  ['information_schema', 'the server'],
]);

/** Who owns a schema that may not be granted. */
export function reservedSchemaOwner(schema: string): string | undefined {
  return RESERVED_SCHEMAS.get(schema.toLowerCase());
}

/** Accounts of the servers, their packages and hosters, in lower case. */
export const SYSTEM_ACCOUNTS: ReadonlySet<string> = new Set([
  'root',
  'mysql',
  'mariadb.sys',
  'mysql.sys',
  'mysql.session',
  'mysql.infoschema',
  'debian-sys-maint',
  'rdsadmin',
  'azure_superuser',
  'cloudsqladmin',
  'public',
]);
