// SPDX-License-Identifier: Apache-2.0
import type { StatementKind } from '../analysis.ts';

export interface DeniedStatement {
  readonly kind: StatementKind;
  /** What to write instead, or who can do it. */
  readonly remedy: string;
}

const ACCOUNTS: DeniedStatement = {
  kind: 'account',
  remedy: 'accounts and rights come from the declaration; change a Grant or a DataRole',
};
const ADMINISTRATION: DeniedStatement = {
  kind: 'administration',
  remedy: 'administration of the server does not go through the gateway',
};
const COMPOUND: DeniedStatement = {
  kind: 'compound',
  remedy: 'send the statements one by one, or CALL a stored procedure',
};
const PREPARED: DeniedStatement = {
  kind: 'prepare',
  remedy: "use the driver's prepared statements (the binary protocol), which are checked",
};

/** Statements that are never allowed, by their first word. */
export const DENIED_STATEMENTS: ReadonlyMap<string, DeniedStatement> = new Map([
  ['prepare', PREPARED],
  ['execute', { ...PREPARED, kind: 'execute' }],
  ['deallocate', { ...PREPARED, kind: 'deallocate' }],
  ['handler', { kind: 'handler', remedy: 'HANDLER reads past column rights; use SELECT' }],
  ['import', { kind: 'load-data', remedy: 'IMPORT reads files of the server; use INSERT' }],
  ['grant', ACCOUNTS],
  ['revoke', ACCOUNTS],
  ['if', COMPOUND],
  ['case', COMPOUND],
  ['loop', COMPOUND],
  ['while', COMPOUND],
  ['repeat', COMPOUND],
  ['for', COMPOUND],
  ['declare', COMPOUND],
  ['signal', COMPOUND],
  ['resignal', COMPOUND],
  ['get', COMPOUND],
  ['leave', COMPOUND],
  ['iterate', COMPOUND],
  ['return', COMPOUND],
  ['goto', COMPOUND],
  ['xa', { kind: 'transaction', remedy: 'distributed transactions (XA) are not supported' }],
  ['backup', ADMINISTRATION],
  ['binlog', ADMINISTRATION],
  ['cache', ADMINISTRATION],
  ['change', { ...ADMINISTRATION, remedy: 'replication is not administered through the gateway' }],
  ['checksum', { ...ADMINISTRATION, remedy: 'CHECKSUM TABLE reads past column rights' }],
  ['clone', ADMINISTRATION],
  ['flush', ADMINISTRATION],
  ['help', { kind: 'other', remedy: 'HELP is not supported; see the manual' }],
  ['install', ADMINISTRATION],
  ['uninstall', ADMINISTRATION],
  ['purge', ADMINISTRATION],
  ['repair', ADMINISTRATION],
  ['reset', ADMINISTRATION],
  ['restart', ADMINISTRATION],
  ['shutdown', ADMINISTRATION],
  ['slave', ADMINISTRATION],
  ['stop', ADMINISTRATION],
]);

/** What CREATE, ALTER and DROP may not be followed by. */
export const DENIED_OBJECTS: ReadonlyMap<string, DeniedStatement> = new Map([
  ['user', ACCOUNTS],
  ['role', ACCOUNTS],
  ['server', { ...ACCOUNTS, remedy: 'links to other servers are not made through the gateway' }],
  ['tablespace', ADMINISTRATION],
  ['undo', ADMINISTRATION],
  ['logfile', ADMINISTRATION],
  ['instance', ADMINISTRATION],
  ['resource', ADMINISTRATION],
  ['spatial_reference', ADMINISTRATION],
  ['prepare', PREPARED],
]);
