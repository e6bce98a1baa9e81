// SPDX-License-Identifier: Apache-2.0

/**
 * Capability flags as one 64-bit set: MySQL's in the lower half, MariaDB's own ("extended", only
 * valid when CLIENT_MYSQL is not set) in the upper half.
 * https://mariadb.com/kb/en/connection/#capabilities
 */
export type Capabilities = bigint;

/** MySQL calls it CLIENT_LONG_PASSWORD; MariaDB leaves it out to say "I am MariaDB". */
export const CLIENT_MYSQL = 1n << 0n;
export const CLIENT_FOUND_ROWS = 1n << 1n;
export const CLIENT_LONG_FLAG = 1n << 2n;
export const CLIENT_CONNECT_WITH_DB = 1n << 3n;
export const CLIENT_NO_SCHEMA = 1n << 4n;
export const CLIENT_COMPRESS = 1n << 5n;
export const CLIENT_ODBC = 1n << 6n;
export const CLIENT_LOCAL_FILES = 1n << 7n;
export const CLIENT_IGNORE_SPACE = 1n << 8n;
export const CLIENT_PROTOCOL_41 = 1n << 9n;
export const CLIENT_INTERACTIVE = 1n << 10n;
export const CLIENT_SSL = 1n << 11n;
export const CLIENT_IGNORE_SIGPIPE = 1n << 12n;
export const CLIENT_TRANSACTIONS = 1n << 13n;
export const CLIENT_RESERVED = 1n << 14n;
/** CLIENT_RESERVED2 in newer MySQL documents; the authentication of 4.1. */
export const CLIENT_SECURE_CONNECTION = 1n << 15n;
export const CLIENT_MULTI_STATEMENTS = 1n << 16n;
export const CLIENT_MULTI_RESULTS = 1n << 17n;
export const CLIENT_PS_MULTI_RESULTS = 1n << 18n;
export const CLIENT_PLUGIN_AUTH = 1n << 19n;
export const CLIENT_CONNECT_ATTRS = 1n << 20n;
export const CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA = 1n << 21n;
export const CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS = 1n << 22n;
export const CLIENT_SESSION_TRACK = 1n << 23n;
export const CLIENT_DEPRECATE_EOF = 1n << 24n;
export const CLIENT_OPTIONAL_RESULTSET_METADATA = 1n << 25n;
export const CLIENT_ZSTD_COMPRESSION_ALGORITHM = 1n << 26n;
export const CLIENT_QUERY_ATTRIBUTES = 1n << 27n;
export const MULTI_FACTOR_AUTHENTICATION = 1n << 28n;
export const CLIENT_CAPABILITY_EXTENSION = 1n << 29n;
export const CLIENT_SSL_VERIFY_SERVER_CERT = 1n << 30n;
export const CLIENT_REMEMBER_OPTIONS = 1n << 31n;

export const MARIADB_CLIENT_PROGRESS = 1n << 32n;
export const MARIADB_CLIENT_COM_MULTI = 1n << 33n;
export const MARIADB_CLIENT_STMT_BULK_OPERATIONS = 1n << 34n;
export const MARIADB_CLIENT_EXTENDED_METADATA = 1n << 35n;
export const MARIADB_CLIENT_CACHE_METADATA = 1n << 36n;
export const MARIADB_CLIENT_BULK_UNIT_RESULTS = 1n << 37n;

const NAMED = {
  CLIENT_MYSQL,
  CLIENT_FOUND_ROWS,
  CLIENT_LONG_FLAG,
  CLIENT_CONNECT_WITH_DB,
  CLIENT_NO_SCHEMA,
  CLIENT_COMPRESS,
  CLIENT_ODBC,
  CLIENT_LOCAL_FILES,
  CLIENT_IGNORE_SPACE,
  CLIENT_PROTOCOL_41,
  CLIENT_INTERACTIVE,
  CLIENT_SSL,
  CLIENT_IGNORE_SIGPIPE,
  CLIENT_TRANSACTIONS,
  CLIENT_RESERVED,
  CLIENT_SECURE_CONNECTION,
  CLIENT_MULTI_STATEMENTS,
  CLIENT_MULTI_RESULTS,
  CLIENT_PS_MULTI_RESULTS,
  CLIENT_PLUGIN_AUTH,
  CLIENT_CONNECT_ATTRS,
  CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA,
  CLIENT_CAN_HANDLE_EXPIRED_PASSWORDS,
  CLIENT_SESSION_TRACK,
  CLIENT_DEPRECATE_EOF,
  CLIENT_OPTIONAL_RESULTSET_METADATA,
  CLIENT_ZSTD_COMPRESSION_ALGORITHM,
  CLIENT_QUERY_ATTRIBUTES,
  MULTI_FACTOR_AUTHENTICATION,
  CLIENT_CAPABILITY_EXTENSION,
  CLIENT_SSL_VERIFY_SERVER_CERT,
  CLIENT_REMEMBER_OPTIONS,
  MARIADB_CLIENT_PROGRESS,
  MARIADB_CLIENT_COM_MULTI,
  MARIADB_CLIENT_STMT_BULK_OPERATIONS,
  MARIADB_CLIENT_EXTENDED_METADATA,
  MARIADB_CLIENT_CACHE_METADATA,
  MARIADB_CLIENT_BULK_UNIT_RESULTS,
} as const;

export function hasCapability(capabilities: Capabilities, flag: Capabilities): boolean {
  return (capabilities & flag) === flag;
}

/** The names of the flags set, lowest bit first; a bit without a name shows as `bit N`. */
export function capabilityNames(capabilities: Capabilities): string[] {
  const names: string[] = [];
  for (let bit = 0n; bit < 64n; bit++) {
    if ((capabilities & (1n << bit)) === 0n) continue;
    const named = Object.entries(NAMED).find(([, flag]) => flag === 1n << bit);
    names.push(named?.[0] ?? `bit ${bit}`);
  }
  return names;
}

/** The halves as they travel: `mariadb` only means something when CLIENT_MYSQL is not set. */
export function splitCapabilities(capabilities: Capabilities): { base: number; mariadb: number } {
  return {
    base: Number(capabilities & 0xffff_ffffn),
    mariadb: Number((capabilities >> 32n) & 0xffff_ffffn),
  };
}

export function joinCapabilities(base: number, mariadb: number): Capabilities {
  const low = BigInt(base);
  return hasCapability(low, CLIENT_MYSQL) ? low : low | (BigInt(mariadb) << 32n);
}
