// SPDX-License-Identifier: Apache-2.0

/** Server error numbers and SQLSTATEs that we send or act on; names as in mysqld_error.h. */
export interface ServerError {
  readonly errno: number;
  readonly sqlState: string;
}

export const SERVER_ERRORS = {
  ER_CON_COUNT_ERROR: { errno: 1040, sqlState: '08004' },
  ER_OUT_OF_RESOURCES: { errno: 1041, sqlState: 'HY000' },
  ER_HANDSHAKE_ERROR: { errno: 1043, sqlState: '08S01' },
  ER_DBACCESS_DENIED_ERROR: { errno: 1044, sqlState: '42000' },
  ER_ACCESS_DENIED_ERROR: { errno: 1045, sqlState: '28000' },
  ER_NO_DB_ERROR: { errno: 1046, sqlState: '3D000' },
  ER_UNKNOWN_COM_ERROR: { errno: 1047, sqlState: '08S01' },
  ER_BAD_DB_ERROR: { errno: 1049, sqlState: '42000' },
  ER_SERVER_SHUTDOWN: { errno: 1053, sqlState: '08S01' },
  ER_PARSE_ERROR: { errno: 1064, sqlState: '42000' },
  ER_UNKNOWN_ERROR: { errno: 1105, sqlState: 'HY000' },
  ER_HOST_IS_BLOCKED: { errno: 1129, sqlState: 'HY000' },
  ER_HOST_NOT_PRIVILEGED: { errno: 1130, sqlState: 'HY000' },
  ER_TABLEACCESS_DENIED_ERROR: { errno: 1142, sqlState: '42000' },
  ER_COLUMNACCESS_DENIED_ERROR: { errno: 1143, sqlState: '42000' },
  ER_NOT_ALLOWED_COMMAND: { errno: 1148, sqlState: '42000' },
  ER_ABORTING_CONNECTION: { errno: 1152, sqlState: '08S01' },
  ER_NET_PACKET_TOO_LARGE: { errno: 1153, sqlState: '08S01' },
  ER_NET_READ_ERROR: { errno: 1158, sqlState: '08S01' },
  ER_NET_READ_INTERRUPTED: { errno: 1159, sqlState: '08S01' },
  ER_NET_PACKETS_OUT_OF_ORDER: { errno: 1156, sqlState: '08S01' },
  ER_TOO_MANY_USER_CONNECTIONS: { errno: 1203, sqlState: '42000' },
  ER_USER_LIMIT_REACHED: { errno: 1226, sqlState: '42000' },
  ER_SPECIFIC_ACCESS_DENIED_ERROR: { errno: 1227, sqlState: '42000' },
  ER_WRONG_ARGUMENTS: { errno: 1210, sqlState: 'HY000' },
  ER_UNKNOWN_STMT_HANDLER: { errno: 1243, sqlState: 'HY000' },
  ER_NOT_SUPPORTED_AUTH_MODE: { errno: 1251, sqlState: '08004' },
  ER_OPTION_PREVENTS_STATEMENT: { errno: 1290, sqlState: 'HY000' },
  ER_QUERY_INTERRUPTED: { errno: 1317, sqlState: '70100' },
  ER_MALFORMED_PACKET: { errno: 1835, sqlState: 'HY000' },
  /** MariaDB; MySQL has 3024 for the same. */
  ER_STATEMENT_TIMEOUT: { errno: 1969, sqlState: '70100' },
  ER_CONNECTION_KILLED: { errno: 1927, sqlState: '70100' },
  /** MySQL 3169. */
  ER_SESSION_WAS_KILLED: { errno: 3169, sqlState: 'HY000' },
  ER_SECURE_TRANSPORT_REQUIRED: { errno: 3159, sqlState: 'HY000' },
} as const satisfies Record<string, ServerError>;

export type ServerErrorName = keyof typeof SERVER_ERRORS;
