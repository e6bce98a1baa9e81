// SPDX-License-Identifier: Apache-2.0

import type { Capabilities } from '../../wire/mysql/capabilities.ts';
import { encodeErr } from '../../wire/mysql/err.ts';
import { encodeOk, OK_HEADER } from '../../wire/mysql/ok.ts';
import type { DownstreamPayload } from '../../wire/mysql/payload.ts';
import { SERVER_STATUS_AUTOCOMMIT } from '../../wire/mysql/status.ts';
import type { Session } from '../live-session.ts';
import type { SessionRegistry } from '../registry.ts';

/** KILL as a statement or COM_PROCESS_KILL. */
export interface Kill {
  /** As the greeting or CONNECTION_ID() told it. */
  readonly connectionId: number;
  readonly what: 'query' | 'connection';
}

/** Only the plain form: a number that a comment could hide is not looked for. */
const KILL_TEXT = /^\s*kill\s+(?:(query|connection)\s+)?(\d{1,10})\s*;?\s*$/i;

export function parseKill(text: string): Kill | undefined {
  const found = KILL_TEXT.exec(text);
  if (!found) return undefined;
  const what = found[1]?.toLowerCase() === 'query' ? 'query' : 'connection';
  return { connectionId: Number(found[2]), what };
}

/**
 * Ends what the principal itself runs, on whatever session of its own; other connections do not
 * exist for it, as for an account without PROCESS. Returns the answer for the wire.
 */
export function killOwn(
  sessions: SessionRegistry,
  session: Session,
  kill: Kill,
  capabilities: Capabilities,
): { readonly done: boolean; readonly answer: DownstreamPayload } {
  const victim = sessions.byConnection(kill.connectionId, session.target.id);
  if (!victim || victim.principal.id !== session.principal.id) {
    const message = `Postern: connection ${kill.connectionId} is not one of yours`;
    return { done: false, answer: encodeErr({ errno: 1094, sqlState: 'HY000', message }) };
  }
  if (kill.what === 'query') victim.cancelRequest();
  else victim.end({ reason: 'session-killed', detail: 'KILL from another session of yours' });
  return { done: true, answer: plainOk(capabilities) };
}

export function plainOk(capabilities: Capabilities): DownstreamPayload {
  return encodeOk(
    {
      header: OK_HEADER,
      affectedRows: 0,
      lastInsertId: 0n,
      status: SERVER_STATUS_AUTOCOMMIT,
      warnings: 0,
      info: '',
      changes: [],
    },
    capabilities,
  );
}
