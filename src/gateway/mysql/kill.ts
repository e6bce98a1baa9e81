// SPDX-License-Identifier: Apache-2.0
import { encodeErr } from '../../wire/mysql/err.ts';
import type { DownstreamPayload } from '../../wire/mysql/payload.ts';
import type { Asker, Kill } from '../parts.ts';
import type { SessionRegistry } from '../registry.ts';
import { isSamePrincipal } from '../same-identity.ts';

/** Only the plain form: a number that a comment could hide is not looked for. */
const KILL_TEXT = /^\s*kill\s+(?:(query|connection)\s+)?(\d{1,10})\s*;?\s*$/i;

export function parseKill(text: string): Kill | undefined {
  const found = KILL_TEXT.exec(text);
  if (!found) return undefined;
  const what = found[1]?.toLowerCase() === 'query' ? 'query' : 'connection';
  return { connectionId: Number(found[2]), what };
}

/**
 * Ends what the asker itself runs, on whatever session of its own; other connections do not exist
 * for it, as for an account without PROCESS. False when there is no such session here.
 */
export function killOwn(sessions: SessionRegistry, asker: Asker, kill: Kill): boolean {
  const victim = sessions.byConnection(kill.connectionId, asker.target);
  if (!victim || !isSamePrincipal(victim.principal, asker.principal)) return false;
  if (kill.what === 'query') victim.cancelRequest();
  else victim.end({ reason: 'session-killed', detail: 'KILL from another session of yours' });
  return true;
}

/** ER_NO_SUCH_THREAD. */
export function notYours({ connectionId }: Kill): DownstreamPayload {
  const message = `Postern: connection ${connectionId} is not one of yours`;
  return encodeErr({ errno: 1094, sqlState: 'HY000', message });
}
