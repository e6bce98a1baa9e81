// SPDX-License-Identifier: Apache-2.0
import type { IntentParts, NewEvent, RequestIntent, RequestOutcome } from './record.ts';

/** Text of parts that are longer than this is made each time: keeping it would cost memory. */
const LONGEST_KEPT = 2_048;

const kept = new WeakMap<object, string>();

/** ASCII that JSON does not escape. */
const PLAIN = /^[ !#-[\]-~]*$/;

/**
 * The fields of an event as JSON without the outer braces. In the records of requests `event`, `id`
 * and `decision` come first, whatever order they were made in: verification then follows intents
 * and outcomes without parsing every line.
 */
export function serialiseEvent(event: NewEvent): string {
  switch (event.event) {
    case 'intent':
      return 'origin' in event ? partsText(event) : inner(decisionFirst(event));
    case 'outcome':
      return outcomeText(event);
    default:
      return inner(event);
  }
}

function decisionFirst({ event, id, decision, ...rest }: RequestIntent): object {
  return { event, id, decision, ...rest };
}

/** Made by hand, because this and the next are on the way of every request. */
function partsText(intent: IntentParts): string {
  const { id, decision, reason, detail, rules, revision, command, kind, traceparent } = intent;
  const why = reason === undefined ? '' : `,"reason":${quoted(reason)}`;
  const more = detail === undefined ? '' : `,"detail":${quoted(detail)}`;
  const about = `,"command":${quoted(command)},"kind":${quoted(kind)}`;
  const trace = traceparent === undefined ? '' : `,"traceparent":${quoted(traceparent)}`;
  const under = `,"rules":${rulesText(rules)},"revision":${quoted(revision)}`;
  const head = `"event":"intent","id":${quoted(id)},"decision":"${decision}"${why}${more}`;
  return `${head}${under},${sharedText(intent.origin)}${about}${trace},${sharedText(intent.content)}`;
}

function outcomeText(outcome: RequestOutcome): string {
  const { id, session, reason, errno, rows, bytes, fileBytes, durationMs } = outcome;
  const why = reason === undefined ? '' : `,"reason":${quoted(reason)}`;
  const error = errno === undefined ? '' : `,"errno":${errno}`;
  const head = `"event":"outcome","id":${quoted(id)},"session":${quoted(session)}`;
  const file = fileBytes === undefined ? '' : `,"fileBytes":${fileBytes}`;
  const figures = `"rows":${rows},"bytes":${bytes}${file},"durationMs":${durationMs}`;
  return `${head},"outcome":"${outcome.outcome}"${why}${error},${figures}`;
}

function rulesText(rules: RequestIntent['rules']): string {
  const known = kept.get(rules);
  if (known !== undefined) return known;
  const text = JSON.stringify(rules);
  kept.set(rules, text);
  return text;
}

function sharedText(part: object): string {
  const known = kept.get(part);
  if (known !== undefined) return known;
  const text = inner(part);
  if (text.length <= LONGEST_KEPT) kept.set(part, text);
  return text;
}

function inner(value: object): string {
  return JSON.stringify(value).slice(1, -1);
}

function quoted(text: string): string {
  return PLAIN.test(text) ? `"${text}"` : JSON.stringify(text);
}
