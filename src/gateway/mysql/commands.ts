// SPDX-License-Identifier: Apache-2.0

/**
 * What happens to each COM_*. `decide`: the rules are asked. `pass`: harmless, forwarded and not
 * decided one by one (it cannot name data). `rewrite`: answered or translated by the gateway.
 * `deny`: refused. A command that is not in the table is refused too.
 */
export type Handling = 'decide' | 'pass' | 'rewrite' | 'deny';

/** The shape of the answer, which is how the relay knows where it ends. */
export type Answer = 'query' | 'prepare' | 'execute' | 'fetch' | 'fields' | 'text' | 'ok' | 'none';

export interface CommandRow {
  readonly name: string;
  readonly handling: Handling;
  readonly answer: Answer;
  /** Why, for the reference page and for the peer of a denied one. */
  readonly why: string;
}

const old = 'obsolete; send the statement with COM_QUERY';
const replication = 'replication is not data access by a principal';
const internal = 'a server-internal command';

export const COMMANDS: ReadonlyMap<number, CommandRow> = new Map<number, CommandRow>([
  [0x00, { name: 'COM_SLEEP', handling: 'deny', answer: 'ok', why: internal }],
  [0x01, { name: 'COM_QUIT', handling: 'rewrite', answer: 'none', why: 'ends the session' }],
  [0x02, { name: 'COM_INIT_DB', handling: 'decide', answer: 'ok', why: 'like USE' }],
  [0x03, { name: 'COM_QUERY', handling: 'decide', answer: 'query', why: 'a statement' }],
  [
    0x04,
    {
      name: 'COM_FIELD_LIST',
      handling: 'decide',
      answer: 'fields',
      why: 'reads a table definition',
    },
  ],
  [0x05, { name: 'COM_CREATE_DB', handling: 'deny', answer: 'ok', why: old }],
  [0x06, { name: 'COM_DROP_DB', handling: 'deny', answer: 'ok', why: old }],
  [
    0x07,
    { name: 'COM_REFRESH', handling: 'deny', answer: 'ok', why: 'administration of the server' },
  ],
  [
    0x08,
    { name: 'COM_SHUTDOWN', handling: 'deny', answer: 'ok', why: 'administration of the server' },
  ],
  [
    0x09,
    {
      name: 'COM_STATISTICS',
      handling: 'pass',
      answer: 'text',
      why: 'uptime and counters, no data',
    },
  ],
  [
    0x0a,
    {
      name: 'COM_PROCESS_INFO',
      handling: 'deny',
      answer: 'ok',
      why: 'obsolete; use SHOW PROCESSLIST',
    },
  ],
  [0x0b, { name: 'COM_CONNECT', handling: 'deny', answer: 'ok', why: internal }],
  [
    0x0c,
    {
      name: 'COM_PROCESS_KILL',
      handling: 'decide',
      answer: 'ok',
      why: "the principal's own sessions only",
    },
  ],
  [
    0x0d,
    { name: 'COM_DEBUG', handling: 'deny', answer: 'ok', why: 'administration of the server' },
  ],
  [0x0e, { name: 'COM_PING', handling: 'pass', answer: 'ok', why: 'liveness' }],
  [0x0f, { name: 'COM_TIME', handling: 'deny', answer: 'ok', why: internal }],
  [0x10, { name: 'COM_DELAYED_INSERT', handling: 'deny', answer: 'ok', why: internal }],
  [
    0x11,
    {
      name: 'COM_CHANGE_USER',
      handling: 'rewrite',
      answer: 'ok',
      why: 'a reset; the principal stays the same',
    },
  ],
  [0x12, { name: 'COM_BINLOG_DUMP', handling: 'deny', answer: 'ok', why: replication }],
  [0x13, { name: 'COM_TABLE_DUMP', handling: 'deny', answer: 'ok', why: replication }],
  [0x14, { name: 'COM_CONNECT_OUT', handling: 'deny', answer: 'ok', why: internal }],
  [0x15, { name: 'COM_REGISTER_SLAVE', handling: 'deny', answer: 'ok', why: replication }],
  [0x16, { name: 'COM_STMT_PREPARE', handling: 'decide', answer: 'prepare', why: 'a statement' }],
  [
    0x17,
    {
      name: 'COM_STMT_EXECUTE',
      handling: 'decide',
      answer: 'execute',
      why: 'decided again with the rules of now',
    },
  ],
  [
    0x18,
    {
      name: 'COM_STMT_SEND_LONG_DATA',
      handling: 'pass',
      answer: 'none',
      why: 'a parameter of a prepared statement that was allowed',
    },
  ],
  [0x19, { name: 'COM_STMT_CLOSE', handling: 'pass', answer: 'none', why: 'frees a statement' }],
  [
    0x1a,
    { name: 'COM_STMT_RESET', handling: 'pass', answer: 'ok', why: 'clears parameters and cursor' },
  ],
  [
    0x1b,
    {
      name: 'COM_SET_OPTION',
      handling: 'rewrite',
      answer: 'ok',
      why: 'multi-statements only if a role allows them',
    },
  ],
  [
    0x1c,
    {
      name: 'COM_STMT_FETCH',
      handling: 'decide',
      answer: 'fetch',
      why: 'rows of a cursor; decided again',
    },
  ],
  [0x1d, { name: 'COM_DAEMON', handling: 'deny', answer: 'ok', why: internal }],
  [0x1e, { name: 'COM_BINLOG_DUMP_GTID', handling: 'deny', answer: 'ok', why: replication }],
  [
    0x1f,
    {
      name: 'COM_RESET_CONNECTION',
      handling: 'rewrite',
      answer: 'ok',
      why: 'a reset, then SET ROLE again',
    },
  ],
  [
    0x20,
    { name: 'COM_CLONE', handling: 'deny', answer: 'ok', why: 'administration of the server' },
  ],
  [
    0x21,
    {
      name: 'COM_SUBSCRIBE_GROUP_REPLICATION_STREAM',
      handling: 'deny',
      answer: 'ok',
      why: replication,
    },
  ],
  [
    0xfa,
    {
      name: 'COM_STMT_BULK_EXECUTE',
      handling: 'decide',
      answer: 'execute',
      why: 'one execution with many parameter sets; decided again',
    },
  ],
  [0xfb, { name: 'COM_SLAVE_WORKER', handling: 'deny', answer: 'ok', why: internal }],
  [0xfc, { name: 'COM_SLAVE_IO', handling: 'deny', answer: 'ok', why: internal }],
  [0xfd, { name: 'COM_SLAVE_SQL', handling: 'deny', answer: 'ok', why: internal }],
  [0xfe, { name: 'COM_MULTI', handling: 'deny', answer: 'ok', why: 'not offered in the greeting' }],
  [0xff, { name: 'COM_END', handling: 'deny', answer: 'ok', why: internal }],
]);
