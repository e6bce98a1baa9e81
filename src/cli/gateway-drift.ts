// SPDX-License-Identifier: Apache-2.0
import type { DriftView } from '../api/contract.ts';
import { systemClock } from '../model/clock.ts';
import { PosternError } from '../model/errors.ts';
import { printable } from './audit-text.ts';
import type { CommandContext, ExitCode } from './command.ts';
import { findingLines } from './finding-text.ts';
import { callGateway, type GatewayOptions } from './gateway-call.ts';

/** What a running gateway knows; it is the gateway's declaration that counts. */
export async function gatewayDrift(
  names: readonly string[],
  options: GatewayOptions & { readonly json?: boolean; readonly only?: DriftView['layer'] },
  context: CommandContext,
): Promise<ExitCode> {
  const { places } = await callGateway<{ places: DriftView[] }>(
    context,
    options,
    'GET',
    '/v1/drift',
  );
  const { only } = options;
  const looked = places.filter(({ layer }) => only === undefined || layer === only);
  const chosen = chosenPlaces(looked, names);
  if (options.json) context.out(JSON.stringify({ places: chosen }, null, 2));
  else if (chosen.length === 0) {
    context.out(
      'The gateway looks at nothing: a Target needs mariadb.reader, a Cluster drift.clusters.',
    );
  } else {
    const nowMs = systemClock.now();
    for (const line of chosen.flatMap((one) => placeLines(one, nowMs)))
      context.out(printable(line));
  }
  return gatewayDriftExitCode(chosen);
}

/** What cannot be looked at now is not as declared because it once was. */
export function gatewayDriftExitCode(places: readonly DriftView[]): ExitCode {
  const isOpen = ({ checkedAt, problem }: DriftView) =>
    checkedAt === undefined || problem !== undefined;
  if (places.some(isOpen)) return 3;
  return places.some(({ findings, omitted }) => findings.length + omitted > 0) ? 1 : 0;
}

function chosenPlaces(
  places: readonly DriftView[],
  names: readonly string[],
): readonly DriftView[] {
  for (const name of names) {
    if (places.some(({ where }) => isNamed(where, name))) continue;
    const known = places.map(({ where }) => where).join(', ') || 'nothing';
    throw new PosternError('usage', {
      problem: `The gateway does not look at ${name}; it does at ${known}.`,
    });
  }
  return places.filter(
    ({ where }) => names.length === 0 || names.some((name) => isNamed(where, name)),
  );
}

function isNamed(where: string, name: string): boolean {
  return where === name || where.endsWith(`/${name}`);
}

function placeLines(place: DriftView, nowMs: number): readonly string[] {
  const { where, findings, omitted, checkedAt, problem } = place;
  const when =
    checkedAt === undefined
      ? 'not looked at yet'
      : `looked at ${Math.max(0, Math.round((nowMs - checkedAt) / 1000))} s ago`;
  const count = findings.length + omitted;
  const state = count > 0 ? `${count} not as declared` : 'as declared';
  const head = checkedAt === undefined ? when : `${state}, ${when}.`;
  return [
    ...(problem === undefined ? [] : [`${where}: it cannot be examined: ${problem}`]),
    `${where}: ${head}`,
    ...findings.flatMap(findingLines),
    ...(omitted > 0 ? [`  and ${omitted} more, which are not listed`] : []),
  ];
}
