// SPDX-License-Identifier: Apache-2.0
import type { Verification } from '../audit/verify.ts';
import { formatDuration } from '../model/duration.ts';
import { type Paint, printable, timeText } from './audit-text.ts';

const SHOWN_FAULTS = 50;
const SHOWN_UNKNOWN = 20;

/** The result of a verification for a person: the verdict first. */
export function verificationText(result: Verification, witnessed: boolean, paint: Paint): string {
  return [
    verdict(result, paint),
    ...faultLines(result),
    ...headLines(result, witnessed),
    ...retiredLines(result),
    ...windowLines(result, witnessed),
    ...unknownLines(result),
  ].join('\n');
}

function verdict({ faultCount, records, streams, heads }: Verification, paint: Paint): string {
  const place = `${some(streams.length, 'stream')}, ${some(heads, 'signed head')}`;
  const size = `${some(records, 'record')} in ${place}`;
  if (faultCount === 0) return `${paint('green', 'The audit verifies')}: ${size}.`;
  const faults = some(faultCount, 'fault');
  return `${paint(['red', 'bold'], `The audit does not verify: ${faults}`)} in ${size}.`;
}

function faultLines({ faults, faultCount }: Verification): string[] {
  const shown = faults.slice(0, SHOWN_FAULTS).map(({ file, line, code, meaning }) => {
    const place = line > 0 ? `${file}:${line}` : file;
    return `  ${printable(place)}  ${code}: ${printable(meaning)}`;
  });
  if (faultCount > SHOWN_FAULTS) shown.push(`  and ${faultCount - SHOWN_FAULTS} more`);
  return shown;
}

function headLines({ lastHead, lastWitnessed }: Verification, witnessed: boolean): string[] {
  if (!lastHead) return ['No signed heads: whoever can write the files could have rewritten them.'];
  const last = `Last signed head: ${lastHead.head} of ${printable(lastHead.time)}.`;
  if (!witnessed) return [last];
  if (!lastWitnessed) return [last, 'No head was witnessed.'];
  const { head, time } = lastWitnessed;
  return [`${last} Last witnessed: ${head} of ${printable(time)}.`];
}

/** What is not there, and may not be: told apart from what somebody deleted. */
function retiredLines({ retired }: Verification): string[] {
  if (retired.length === 0) return [];
  const until =
    retired
      .map(({ time }) => time)
      .sort()
      .at(-1) ?? '';
  const least = formatDuration(Math.min(...retired.map(({ retention }) => retention)));
  const what = some(retired.length, 'stream');
  return [
    `Removed by retention: of ${what}, up to ${timeText(until)} UTC, kept ${least} or longer.`,
  ];
}

function windowLines({ streams, faultCount }: Verification, witnessed: boolean): string[] {
  const open = streams.filter(({ openWindow, tornBytes }) => openWindow > 0 || tornBytes > 0);
  if (open.length === 0 && faultCount > 0) return [];
  if (open.length === 0) return [`Open window: none, every record is ${protectedWord(witnessed)}.`];
  const lines = open.map(({ stream, openWindow, openSince, openUntil, tornBytes, signed }) => {
    const torn = tornBytes > 0 ? `, then ${tornBytes} bytes of a line that was cut short` : '';
    const never = signed ? '' : ' (no head names this stream)';
    const [since, until] = [timeText(openSince ?? ''), timeText(openUntil ?? '')];
    const times = openWindow === 0 ? '' : ` of ${since} to ${until} UTC`;
    return `  ${printable(stream)}: ${some(openWindow, 'record')}${times}${torn}${never}`;
  });
  return [
    `Open window: records not yet ${protectedWord(witnessed)}; a cut here is not seen.`,
    ...lines,
  ];
}

function protectedWord(witnessed: boolean): string {
  return witnessed ? 'named by a witnessed head' : 'named by a signed head';
}

function unknownLines({ streams }: Verification): string[] {
  const unknown = streams.flatMap((stream) => stream.unknown);
  if (unknown.length === 0) return [];
  const shown = unknown
    .slice(0, SHOWN_UNKNOWN)
    .map(({ id, file, line }) => `  ${printable(id)}  ${printable(file)}:${line}`);
  if (unknown.length > SHOWN_UNKNOWN) shown.push(`  and ${unknown.length - SHOWN_UNKNOWN} more`);
  return [`Outcome unknown (the gateway ended first, or they are still under way):`, ...shown];
}

function some(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? '' : 's'}`;
}
