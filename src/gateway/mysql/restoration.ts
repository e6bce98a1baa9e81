// SPDX-License-Identifier: Apache-2.0
import { PosternError } from '../../model/errors.ts';
import type { MysqlUpstream } from '../../target/mysql/login.ts';
import {
  CLIENT_DEPRECATE_EOF,
  CLIENT_IGNORE_SPACE,
  CLIENT_INTERACTIVE,
  CLIENT_MULTI_STATEMENTS,
  hasCapability,
} from '../../wire/mysql/capabilities.ts';
import {
  encodeComSetOption,
  MULTI_STATEMENTS_OFF,
  MULTI_STATEMENTS_ON,
} from '../../wire/mysql/com-set-option.ts';
import { COM } from '../../wire/mysql/commands.ts';
import type { UpstreamPayload } from '../../wire/mysql/payload.ts';
import { InternalExchange, internalCommand, internalQuery } from './internal-exchange.ts';
import type { LoginNames } from './login-names.ts';
import { type StateRow, TRACK_SQL } from './session-state.ts';
import { exchangeOnce, schemaAndState, setRoleSql } from './upstream.ts';

/** ER_FEATURE_DISABLED: a server built without profiling has no profiles to forget. */
const NO_SUCH_FEATURE = 1289;

/** What is made as new. */
export interface Restorable {
  readonly upstream: MysqlUpstream;
  readonly names: LoginNames;
  readonly role: string;
  readonly targetId: string;
  /** The default schema its last session began with. */
  readonly schema: string | undefined;
}

/**
 * Makes an upstream connection as its login left it. COM_RESET_CONNECTION alone forgets the role,
 * what two capabilities did to variables and, on some servers, the character sets, and it keeps
 * COM_SET_OPTION and profiles; it cannot take a default schema away. Resolves with the answer to
 * STATE_SQL. Rejects when anything is refused or something of the session before would stay; the
 * connection is then to be closed.
 */
export async function restore(from: Restorable, limitMs: number): Promise<StateRow> {
  const { upstream, targetId: target } = from;
  const commands = [
    internalCommand(COM.COM_RESET_CONNECTION),
    internalQuery('/*postern*/ SHOW PROFILES'),
    ...restoration(from),
    ...schemaAndState(from.schema),
  ];
  const exchange = new InternalExchange(
    commands.length,
    hasCapability(upstream.capabilities, CLIENT_DEPRECATE_EOF),
  );
  await exchangeOnce(upstream, exchange, commands, limitMs);
  const [reset, profiles, ...others] = exchange.answers;
  const kept = profiles?.ok ? profiles.row !== undefined : profiles?.errno !== NO_SUCH_FEATURE;
  if (kept) throw new PosternError('target-error', { target, problem: 'profiles would stay' });
  const refused = [reset, ...others].find((answer) => !answer?.ok);
  const last = others.at(-1);
  if (refused || !last?.ok || !last.row) {
    const { errno = 0, problem = 'no session state' } = refused?.ok === false ? refused : {};
    throw new PosternError('target-error', { target, errno, problem });
  }
  return last.row;
}

function restoration({ names, role, upstream }: Restorable): UpstreamPayload[] {
  const { capabilities } = upstream;
  const multi = hasCapability(capabilities, CLIENT_MULTI_STATEMENTS);
  const sql = [
    ...(hasCapability(capabilities, CLIENT_IGNORE_SPACE)
      ? ["SET SESSION sql_mode = CONCAT_WS(',', NULLIF(@@SESSION.sql_mode, ''), 'IGNORE_SPACE')"]
      : []),
    ...(hasCapability(capabilities, CLIENT_INTERACTIVE)
      ? ['SET SESSION wait_timeout = @@SESSION.interactive_timeout']
      : []),
    `SET NAMES ${names.charset} COLLATE ${names.collation}`,
  ].map((text) => internalQuery(`/*postern*/ ${text}`));
  return [
    encodeComSetOption({ option: multi ? MULTI_STATEMENTS_ON : MULTI_STATEMENTS_OFF }),
    ...sql,
    internalQuery(setRoleSql(role)),
    internalQuery(TRACK_SQL),
  ];
}
