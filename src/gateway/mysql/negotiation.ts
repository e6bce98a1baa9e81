// SPDX-License-Identifier: Apache-2.0
import {
  type Capabilities,
  CLIENT_COMPRESS,
  CLIENT_CONNECT_ATTRS,
  CLIENT_CONNECT_WITH_DB,
  CLIENT_DEPRECATE_EOF,
  CLIENT_FOUND_ROWS,
  CLIENT_IGNORE_SIGPIPE,
  CLIENT_IGNORE_SPACE,
  CLIENT_INTERACTIVE,
  CLIENT_LOCAL_FILES,
  CLIENT_LONG_FLAG,
  CLIENT_MULTI_RESULTS,
  CLIENT_MULTI_STATEMENTS,
  CLIENT_MYSQL,
  CLIENT_ODBC,
  CLIENT_PLUGIN_AUTH,
  CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA,
  CLIENT_PROTOCOL_41,
  CLIENT_PS_MULTI_RESULTS,
  CLIENT_QUERY_ATTRIBUTES,
  CLIENT_RESERVED,
  CLIENT_SECURE_CONNECTION,
  CLIENT_SESSION_TRACK,
  CLIENT_TRANSACTIONS,
  MARIADB_CLIENT_BULK_UNIT_RESULTS,
  MARIADB_CLIENT_CACHE_METADATA,
  MARIADB_CLIENT_EXTENDED_METADATA,
  MARIADB_CLIENT_PROGRESS,
  MARIADB_CLIENT_STMT_BULK_OPERATIONS,
} from '../../wire/mysql/capabilities.ts';

/**
 * Concern the login, or a form of packets that ends at the gateway: offered whatever the target
 * says. No driver takes CLIENT_COMPRESS or QUERY_ATTRIBUTES for the server's kind or version.
 */
const OWN_CAPABILITIES =
  CLIENT_COMPRESS |
  CLIENT_QUERY_ATTRIBUTES |
  CLIENT_PROTOCOL_41 |
  CLIENT_SECURE_CONNECTION |
  CLIENT_PLUGIN_AUTH |
  CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA |
  CLIENT_CONNECT_ATTRS |
  CLIENT_CONNECT_WITH_DB;

/** Change what the target does or how answers look, and are the same on both sides. */
const SHARED_CAPABILITIES =
  CLIENT_MYSQL |
  CLIENT_FOUND_ROWS |
  CLIENT_LONG_FLAG |
  CLIENT_ODBC |
  CLIENT_IGNORE_SPACE |
  CLIENT_INTERACTIVE |
  CLIENT_IGNORE_SIGPIPE |
  CLIENT_TRANSACTIONS |
  CLIENT_RESERVED |
  CLIENT_MULTI_RESULTS |
  CLIENT_PS_MULTI_RESULTS |
  CLIENT_DEPRECATE_EOF |
  MARIADB_CLIENT_PROGRESS |
  MARIADB_CLIENT_STMT_BULK_OPERATIONS |
  MARIADB_CLIENT_EXTENDED_METADATA |
  MARIADB_CLIENT_CACHE_METADATA |
  MARIADB_CLIENT_BULK_UNIT_RESULTS;

/** Asked for upstream only where a role allows it: so the target refuses the rest by itself. */
const GUARDED_CAPABILITIES = CLIENT_MULTI_STATEMENTS | CLIENT_LOCAL_FILES;

/**
 * Offered = the target's AND implemented. Left out on purpose: OPTIONAL_RESULTSET_METADATA, zstd,
 * and NO_SCHEMA: with it MariaDB reads `a.t` as `t` of the default schema, so another table than
 * was decided.
 */
export function offeredCapabilities(target: Capabilities): Capabilities {
  const implemented = SHARED_CAPABILITIES | CLIENT_SESSION_TRACK | GUARDED_CAPABILITIES;
  return OWN_CAPABILITIES | (implemented & target);
}

/** Without these upstream, answers would not have the form that downstream agreed to. */
export const RELAY_REQUIRED =
  CLIENT_DEPRECATE_EOF |
  CLIENT_MULTI_RESULTS |
  CLIENT_PS_MULTI_RESULTS |
  MARIADB_CLIENT_STMT_BULK_OPERATIONS |
  MARIADB_CLIENT_EXTENDED_METADATA |
  MARIADB_CLIENT_CACHE_METADATA |
  MARIADB_CLIENT_BULK_UNIT_RESULTS;

/** What some role of a principal allows, of what guardrails deny unless told otherwise. */
export interface Exceptions {
  readonly multiStatement: boolean;
  readonly localInfile: boolean;
}

/**
 * What to negotiate upstream for a principal that negotiated `wanted`. Session tracking is always
 * on (invariant 12); several statements in one text and LOAD DATA LOCAL only where a role allows
 * them, so that the target refuses them even if the gateway were mistaken.
 */
export function passedUpstream(wanted: Capabilities, allowed: Exceptions): Capabilities {
  const guarded =
    (allowed.multiStatement ? CLIENT_MULTI_STATEMENTS : 0n) |
    (allowed.localInfile ? CLIENT_LOCAL_FILES : 0n);
  const passed = (SHARED_CAPABILITIES & ~CLIENT_MYSQL) | guarded;
  return (wanted & passed) | CLIENT_SESSION_TRACK;
}
