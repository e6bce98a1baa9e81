// SPDX-License-Identifier: Apache-2.0

/** The first byte of every command; MySQL's and MariaDB's lists merged. */
const COMMANDS = {
  COM_SLEEP: 0x00,
  COM_QUIT: 0x01,
  COM_INIT_DB: 0x02,
  COM_QUERY: 0x03,
  COM_FIELD_LIST: 0x04,
  COM_CREATE_DB: 0x05,
  COM_DROP_DB: 0x06,
  COM_REFRESH: 0x07,
  COM_SHUTDOWN: 0x08,
  COM_STATISTICS: 0x09,
  COM_PROCESS_INFO: 0x0a,
  COM_CONNECT: 0x0b,
  COM_PROCESS_KILL: 0x0c,
  COM_DEBUG: 0x0d,
  COM_PING: 0x0e,
  COM_TIME: 0x0f,
  COM_DELAYED_INSERT: 0x10,
  COM_CHANGE_USER: 0x11,
  COM_BINLOG_DUMP: 0x12,
  COM_TABLE_DUMP: 0x13,
  COM_CONNECT_OUT: 0x14,
  COM_REGISTER_SLAVE: 0x15,
  COM_STMT_PREPARE: 0x16,
  COM_STMT_EXECUTE: 0x17,
  COM_STMT_SEND_LONG_DATA: 0x18,
  COM_STMT_CLOSE: 0x19,
  COM_STMT_RESET: 0x1a,
  COM_SET_OPTION: 0x1b,
  COM_STMT_FETCH: 0x1c,
  COM_DAEMON: 0x1d,
  /** MySQL; MariaDB has COM_UNIMPLEMENTED here. */
  COM_BINLOG_DUMP_GTID: 0x1e,
  COM_RESET_CONNECTION: 0x1f,
  /** MySQL 8. */
  COM_CLONE: 0x20,
  COM_SUBSCRIBE_GROUP_REPLICATION_STREAM: 0x21,
  /** MariaDB: internal to its slave threads and refused from outside. */
  COM_SLAVE_WORKER: 0xfb,
  COM_SLAVE_IO: 0xfc,
  COM_SLAVE_SQL: 0xfd,
  /** MariaDB: several parameter sets at once. */
  COM_STMT_BULK_EXECUTE: 0xfa,
  /** MariaDB: retired after 10.2, still has its number. */
  COM_MULTI: 0xfe,
} as const;

export type CommandName = keyof typeof COMMANDS;
export const COM: Readonly<Record<CommandName, number>> = COMMANDS;

const NAME_BY_CODE: ReadonlyMap<number, CommandName> = new Map(
  Object.entries(COMMANDS).map(([name, code]) => [code, name as CommandName]),
);

/** Undefined for a byte that no known server gives a meaning. */
export function commandName(code: number): CommandName | undefined {
  return NAME_BY_CODE.get(code);
}

export const COMMAND_NAMES = Object.keys(COMMANDS) as readonly CommandName[];
