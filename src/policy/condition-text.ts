// SPDX-License-Identifier: Apache-2.0
import type { Condition, TextPattern } from './policy.ts';

const DAYS = ['Sun', 'Mon', 'Tue', 'Wed', 'Thu', 'Fri', 'Sat'];

/** `time 06:00-22:00 Europe/Berlin`, `claim[dept] in finance, audit*`: for people. */
export function conditionText(condition: Condition): string {
  switch (condition.key) {
    case 'time': {
      const days = condition.days && [...condition.days].sort().map((day) => DAYS[day]);
      const window = `${minuteText(condition.fromMinute)}-${minuteText(condition.toMinute)}`;
      return ['time', window, ...(days ? [days.join(',')] : []), condition.zone].join(' ');
    }
    case 'text':
      return listText(condition.name, condition.not, condition.values.map(patternText));
    case 'source.ip':
      return listText('source.ip', condition.not, condition.cidrs);
  }
}

export function patternText(pattern: TextPattern): string {
  if (pattern.match === 'prefix') return `${pattern.value}*`;
  return pattern.match === 'suffix' ? `*${pattern.value}` : pattern.value;
}

export function whenText(when: readonly Condition[]): string {
  return when.map(conditionText).join(' and ');
}

function listText(name: string, not: boolean, values: readonly string[]): string {
  return `${name} ${not ? 'not in' : 'in'} ${values.join(', ')}`;
}

function minuteText(minute: number): string {
  const two = (value: number) => String(value).padStart(2, '0');
  return `${two(Math.floor(minute / 60))}:${two(minute % 60)}`;
}
