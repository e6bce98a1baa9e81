// SPDX-License-Identifier: Apache-2.0
import { decidingRows, type FoldName, type Grantee, type GrantRow } from './grantee.ts';
import type { PowerKind } from './question.ts';

/**
 * Privileges that are no action of the declaration. CREATE USER gives root another password; with
 * SET USER and SUPER one makes routines that run as somebody else; FILE reads and writes the server's
 * files; BINLOG REPLAY and REPLICATION SLAVE ADMIN write rows that nobody checks.
 */
const GLOBAL_POWERS: Readonly<Record<string, PowerKind>> = {
  'CREATE USER': 'everything',
  SUPER: 'everything',
  'SET USER': 'everything',
  FILE: 'everything',
  'BINLOG REPLAY': 'everything',
  'REPLICATION SLAVE ADMIN': 'everything',
  // What was written, by everybody, is in the binary log.
  'REPLICATION SLAVE': 'reading',
  'BINLOG MONITOR': 'reading',
};
const POWERS: Readonly<Record<string, PowerKind>> = {
  'GRANT OPTION': 'passing-on',
  'SHOW VIEW': 'structure',
  'SHOW DATABASES': 'structure',
  'DELETE HISTORY': 'history',
};
const WRITES = new Set(['INSERT', 'UPDATE', 'DELETE', 'CREATE', 'ALTER', 'DROP']);
/** Actions of the declaration; everything else a server can give is a power. */
const ACTION_PRIVILEGE_NAMES = new Set([
  ...WRITES,
  'SELECT',
  'EXECUTE',
  'LOCK TABLES',
  'CREATE TEMPORARY TABLES',
  'INDEX',
  'CREATE VIEW',
  'CREATE ROUTINE',
  'ALTER ROUTINE',
  'TRIGGER',
  'EVENT',
  'REFERENCES',
]);

/** What a row opens besides an action; undefined: nothing. */
export function powerOf({ right }: GrantRow): PowerKind | undefined {
  const { privilege, level } = right;
  const known = (level === 'global' ? GLOBAL_POWERS[privilege] : undefined) ?? POWERS[privilege];
  return known ?? (ACTION_PRIVILEGE_NAMES.has(privilege) ? undefined : 'server');
}

/** Rows with which a session can come to rights or data that the grant tables do not give it. */
export function escapingRows(
  grantee: Grantee,
  fold: FoldName,
): readonly { readonly row: GrantRow; readonly opens: 'everything' | 'reading' }[] {
  const found: { row: GrantRow; opens: 'everything' | 'reading' }[] = [];
  for (const row of grantee.global) {
    const opens = powerOf(row);
    if (opens === 'everything' || opens === 'reading') found.push({ row, opens });
  }
  // Who writes the grant tables gives itself what it likes, at the next FLUSH PRIVILEGES.
  const onMysql = [
    ...grantee.global,
    ...decidingRows(grantee, fold('mysql')).flatMap(({ rows }) => rows),
    ...[...grantee.objects.values()].flat().filter(({ right }) => right.schema === 'mysql'),
  ];
  const writing = onMysql.find(({ right }) => WRITES.has(right.privilege));
  if (writing) found.push({ row: writing, opens: 'everything' });
  return found;
}
