// SPDX-License-Identifier: Apache-2.0
import {
  type Capabilities,
  CLIENT_CONNECT_ATTRS,
  CLIENT_CONNECT_WITH_DB,
  CLIENT_DEPRECATE_EOF,
  CLIENT_FOUND_ROWS,
  CLIENT_IGNORE_SIGPIPE,
  CLIENT_IGNORE_SPACE,
  CLIENT_INTERACTIVE,
  CLIENT_LONG_FLAG,
  CLIENT_MULTI_RESULTS,
  CLIENT_MULTI_STATEMENTS,
  CLIENT_MYSQL,
  CLIENT_ODBC,
  CLIENT_PLUGIN_AUTH,
  CLIENT_PLUGIN_AUTH_LENENC_CLIENT_DATA,
  CLIENT_PROTOCOL_41,
  CLIENT_PS_MULTI_RESULTS,
  CLIENT_RESERVED,
  CLIENT_SECURE_CONNECTION,
  CLIENT_SESSION_TRACK,
  CLIENT_TRANSACTIONS,
  MARIADB_CLIENT_EXTENDED_METADATA,
} from '../../wire/mysql/capabilities.ts';

/** Concern the login only, which the gateway answers itself: offered whatever the target says. */
const LOGIN_CAPABILITIES =
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
  MARIADB_CLIENT_EXTENDED_METADATA;

/**
 * Offered = the target's AND implemented. Left out on purpose: LOCAL_FILES, COMPRESS, QUERY_ATTRIBUTES,
 * OPTIONAL_RESULTSET_METADATA, zstd, and MariaDB's progress, bulk and cached metadata. NO_SCHEMA
 * too: with it MariaDB reads `a.t` as `t` of the default schema, so another table than was decided.
 */
export function offeredCapabilities(target: Capabilities): Capabilities {
  const implemented = SHARED_CAPABILITIES | CLIENT_SESSION_TRACK | CLIENT_MULTI_STATEMENTS;
  return LOGIN_CAPABILITIES | (implemented & target);
}

/** Without these upstream, answers would not have the form that downstream agreed to. */
export const RELAY_REQUIRED =
  CLIENT_DEPRECATE_EOF |
  CLIENT_MULTI_RESULTS |
  CLIENT_PS_MULTI_RESULTS |
  MARIADB_CLIENT_EXTENDED_METADATA;

/**
 * What to negotiate upstream for a principal that negotiated `wanted`. Session tracking is always
 * on (invariant 12); several statements in one text only where a role allows it, so that the
 * target refuses them even if the gateway were mistaken.
 */
export function passedUpstream(wanted: Capabilities, multiStatements: boolean): Capabilities {
  const multi = multiStatements ? wanted & CLIENT_MULTI_STATEMENTS : 0n;
  return (wanted & SHARED_CAPABILITIES & ~CLIENT_MYSQL) | CLIENT_SESSION_TRACK | multi;
}
