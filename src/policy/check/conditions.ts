// SPDX-License-Identifier: Apache-2.0
import type { IdentityMethod } from '../../model/principal.ts';
import type { ConditionSpec } from '../document/condition.ts';
import { parseIpRange } from '../ip-range.ts';
import { nearest } from '../nearest.ts';
import type { Condition } from '../policy.ts';
import type { Path } from '../source-tree.ts';
import type { Report } from './context.ts';
import { readPattern } from './text-pattern.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];
const KEYS = ['time', 'identity.method', 'source.ip', 'claim[NAME]', 'target.label[NAME]'];
const METHODS: Readonly<Record<IdentityMethod, true>> = {
  'mesh-mtls': true,
  'client-certificate': true,
  token: true,
  ticket: true,
  'proxy-v2': true,
  internal: true,
};

/** `when`: all of it must hold. A condition with a fault is left out; the policy is refused. */
export function readConditions(
  specs: readonly ConditionSpec[],
  path: Path,
  report: Report,
): readonly Condition[] {
  return specs.flatMap((spec, index) => readCondition(spec, [...path, index], report));
}

function readCondition(spec: ConditionSpec, path: Path, report: Report): readonly Condition[] {
  if (spec.key === 'time') return readTime(spec, path, report);
  for (const key of ['between', 'days', 'zone'] as const) {
    if (spec[key] === undefined) continue;
    const problem = `"${key}" is for the key time only`;
    refuse(spec, [...path, key], problem, 'Remove it.', report);
  }
  if (spec.values === undefined && spec.notValues === undefined) {
    refuse(spec, path, 'it tests nothing', 'Add "values" or "notValues".', report);
  }
  if (spec.key === 'source.ip') return readSource(spec, path, report);
  if (!/^(identity\.method|(claim|target\.label)\[[^[\]]+\])$/.test(spec.key)) {
    const meant = nearest(spec.key, KEYS);
    const suggestion = meant ? `Did you mean "${meant}"?` : `Known: ${KEYS.join(', ')}.`;
    refuse(spec, [...path, 'key'], 'there is no such key', suggestion, report);
    return [];
  }
  return readText(spec, path, report);
}

function refuse(
  spec: ConditionSpec,
  path: Path,
  problem: string,
  suggestion: string,
  report: Report,
): void {
  report(path, 'condition-invalid', { key: spec.key, problem, suggestion });
}

function readText(spec: ConditionSpec, path: Path, report: Report): readonly Condition[] {
  const read = (key: 'values' | 'notValues'): readonly Condition[] => {
    const texts = spec[key];
    if (texts === undefined) return [];
    const values = texts.flatMap((text, index) => {
      const at = [...path, key, index];
      const pattern = readPattern(text, at, report);
      if (spec.key === 'identity.method' && pattern?.match === 'exact' && !(text in METHODS)) {
        const known = Object.keys(METHODS).join(', ');
        refuse(spec, at, `${text} is no method`, `Known: ${known}.`, report);
      }
      return pattern ?? [];
    });
    return [{ key: 'text', name: spec.key, not: key === 'notValues', values }];
  };
  return [...read('values'), ...read('notValues')];
}

function readSource(spec: ConditionSpec, path: Path, report: Report): readonly Condition[] {
  report(path, 'condition-source-ip');
  const read = (key: 'values' | 'notValues'): readonly Condition[] => {
    const cidrs = spec[key];
    if (cidrs === undefined) return [];
    for (const [index, cidr] of cidrs.entries()) {
      if (parseIpRange(cidr) !== undefined) continue;
      const suggestion = 'Write it as 10.0.0.0/8 or 2001:db8::/32.';
      refuse(spec, [...path, key, index], `${cidr} is no address range`, suggestion, report);
    }
    return [{ key: 'source.ip', not: key === 'notValues', cidrs }];
  };
  return [...read('values'), ...read('notValues')];
}

function readTime(spec: ConditionSpec, path: Path, report: Report): readonly Condition[] {
  for (const key of ['values', 'notValues'] as const) {
    if (spec[key] === undefined) continue;
    const suggestion = 'Use "between", "days" and "zone".';
    refuse(spec, [...path, key], `"${key}" cannot test a time`, suggestion, report);
  }
  const zone = readZone(spec, path, report);
  const window = readWindow(spec, path, report);
  if (window === undefined || zone === undefined) return [];
  const days = spec.days && new Set(spec.days.map((day) => DAYS.indexOf(day)));
  return [{ key: 'time', ...window, zone, ...(days && { days }) }];
}

function readZone(spec: ConditionSpec, path: Path, report: Report): string | undefined {
  if (spec.zone === undefined) {
    refuse(spec, path, 'it has no zone', 'Add "zone: Europe/Berlin" or "zone: UTC".', report);
    return undefined;
  }
  try {
    return new Intl.DateTimeFormat('en', { timeZone: spec.zone }).resolvedOptions() && spec.zone;
  } catch (cause) {
    if (!(cause instanceof RangeError)) throw cause;
    const suggestion = 'Use an IANA name such as Europe/Berlin or UTC.';
    refuse(spec, [...path, 'zone'], `there is no time zone ${spec.zone}`, suggestion, report);
    return undefined;
  }
}

/** Absent `between` with `days`: the whole of those days. */
function readWindow(
  spec: ConditionSpec,
  path: Path,
  report: Report,
): { readonly fromMinute: number; readonly toMinute: number } | undefined {
  if (spec.between === undefined && spec.days !== undefined) {
    return { fromMinute: 0, toMinute: 24 * 60 };
  }
  const [from, to, ...rest] = (spec.between ?? []).map(minuteOf);
  const example = 'Write it as ["06:00", "22:00"]; the end may be "24:00".';
  if (from === undefined || to === undefined || rest.length > 0 || from === 24 * 60) {
    refuse(spec, [...path, 'between'], 'it needs two times of day', example, report);
    return undefined;
  }
  if (from === to) {
    refuse(spec, [...path, 'between'], 'the window is empty', example, report);
    return undefined;
  }
  return { fromMinute: from, toMinute: to };
}

function minuteOf(text: string): number | undefined {
  if (text === '24:00') return 24 * 60;
  const [, hour, minute] = /^([01]\d|2[0-3]):([0-5]\d)$/.exec(text) ?? [];
  return hour === undefined ? undefined : Number(hour) * 60 + Number(minute);
}
