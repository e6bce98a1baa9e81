// SPDX-License-Identifier: Apache-2.0
import { isJsonObject, type JsonObject } from '../compile/kube/object.ts';
import { PosternError } from '../model/errors.ts';
import type { ApiAnswer } from './transport.ts';

/** A field that somebody else set and that an apply would change. */
export interface FieldConflict {
  readonly field: string;
  readonly manager: string;
}

const MAX_WORDS = 500;
const MAX_CONFLICTS = 5;

/** The JSON object that every answer of an API server is. */
export function answerBody(answer: ApiAnswer, server: string): JsonObject {
  try {
    const value: unknown = JSON.parse(answer.body);
    if (isJsonObject(value)) return value;
  } catch {
    // Said below: a proxy's error page is as little of an answer as a list is.
  }
  const problem = `status ${answer.status}, and no JSON object: something else answers there`;
  throw new PosternError('cluster-unreachable', { server, problem });
}

/** What an answer that is no success means. `action` completes "refused to ...". */
export function refusal(answer: ApiAnswer, server: string, action: string): PosternError {
  const { status } = answer;
  const body = answerBody(answer, server);
  const words = serverWords(body) || `status ${status}`;
  if (status === 409) {
    const held = fieldConflicts(body);
    const problem = held.length > 0 ? conflictText(held) : words;
    const hint =
      held.length > 0
        ? 'Take the field away from the other manager, or force the conflicts.'
        : 'Somebody changed it at the same time: run it again.';
    return new PosternError('cluster-conflict', { server, action, problem, hint });
  }
  const hint = HINTS[status];
  return new PosternError('cluster-refused', {
    server,
    action,
    status,
    problem: status === 401 ? 'it does not accept these credentials' : words,
    ...(hint && { hint }),
  });
}

const HINTS: Readonly<Record<number, string>> = {
  401: 'The token or certificate of the kubeconfig is expired or not of this cluster.',
  403: 'Give the caller this right: a Role or ClusterRole and its binding.',
  429: 'The server is busy, or a PodDisruptionBudget holds: try again later.',
};

export function fieldConflicts(body: JsonObject): FieldConflict[] {
  const details = isJsonObject(body['details']) ? body['details'] : {};
  const causes = Array.isArray(details['causes']) ? details['causes'] : [];
  return causes.filter(isJsonObject).flatMap((cause) => {
    if (cause['reason'] !== 'FieldManagerConflict') return [];
    const manager = /conflict with "([^"]*)"/.exec(String(cause['message']))?.[1];
    return [{ field: printable(cause['field']), manager: printable(manager ?? 'another manager') }];
  });
}

function conflictText(conflicts: readonly FieldConflict[]): string {
  const shown = conflicts
    .slice(0, MAX_CONFLICTS)
    .map(({ field, manager }) => `${manager} holds ${field.replace(/^\./, '')}`);
  const more = conflicts.length - shown.length;
  return shown.join(', ') + (more > 0 ? `, and ${more} more` : '');
}

function serverWords(body: JsonObject): string {
  return printable(body['message'] ?? '');
}

/** Words of the other side go to terminals: one line, bounded. */
function printable(value: unknown): string {
  const line = String(value).replace(/[\p{Cc}\p{Zl}\p{Zp}]+/gu, ' ');
  return line.length > MAX_WORDS ? `${line.slice(0, MAX_WORDS)}...` : line;
}
