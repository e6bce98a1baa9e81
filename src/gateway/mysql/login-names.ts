// SPDX-License-Identifier: Apache-2.0

/** How a login left the character sets; a reset takes the server's own instead. */
export interface LoginNames {
  readonly charset: string;
  readonly collation: string;
}

/** Asked after a login whose connection may serve more sessions. */
export const LOGIN_SQL =
  '/*postern*/ SELECT @@SESSION.character_set_client, @@SESSION.character_set_connection, @@SESSION.character_set_results, @@SESSION.collation_connection, @@GLOBAL.init_connect';

/** Undefined when a reset could not bring back what this login left. */
export function loginNames(row: readonly (string | null)[]): LoginNames | undefined {
  const [charset, connection, results, collation, initConnect] = row;
  // A reset does not run init_connect again.
  if (!charset || !collation || initConnect !== '') return undefined;
  if (connection !== charset || results !== charset) return undefined;
  if (![charset, collation].every((name) => /^[a-z0-9_]+$/i.test(name))) return undefined;
  return { charset, collation };
}
