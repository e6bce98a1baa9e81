// SPDX-License-Identifier: Apache-2.0

/** What a YAML version makes of an unquoted scalar: the type's name and a comparable value. */
interface Reading {
  readonly type: string;
  readonly value: string;
}

const text = (source: string): Reading => ({ type: 'text', value: source });

/**
 * Whether YAML 1.1 (kubectl's and Python's readers) and YAML 1.2 read an unquoted scalar
 * differently; then a declaration would mean two things. Returns what each makes of it.
 */
export function ambiguity(source: string): { first: string; second: string } | undefined {
  const first = readVersion11(source);
  const second = readVersion12(source);
  if (first.type === second.type && first.value === second.value) return undefined;
  const describe = (reading: Reading) =>
    reading.type === 'number' ? `the number ${reading.value}` : reading.type;
  return { first: describe(first), second: describe(second) };
}

/** YAML 1.2.2 section 10.3.2, the core schema. */
function readVersion12(source: string): Reading {
  if (/^(null|Null|NULL|~|)$/.test(source)) return { type: 'null', value: '' };
  const truth = /^(?:(true|True|TRUE)|(false|False|FALSE))$/.exec(source);
  if (truth) return { type: 'a boolean', value: String(truth[1] !== undefined) };
  if (/^[-+]?[0-9]+$/.test(source)) return number(Number(source));
  if (/^0o[0-7]+$/.test(source)) return number(Number.parseInt(source.slice(2), 8));
  if (/^0x[0-9a-fA-F]+$/.test(source)) return number(Number.parseInt(source.slice(2), 16));
  if (/^[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?$/.test(source)) {
    return number(Number(source));
  }
  if (/^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/.test(source)) return special(source);
  return text(source);
}

/**
 * The type repository of YAML 1.1 (yaml.org/type): bool, int, float, null, timestamp, merge; and
 * what widespread readers accept beyond it, because a declaration meets those.
 */
function readVersion11(source: string): Reading {
  if (/^(null|Null|NULL|~|)$/.test(source)) return { type: 'null', value: '' };
  if (/^(y|Y|yes|Yes|YES|true|True|TRUE|on|On|ON)$/.test(source)) {
    return { type: 'a boolean', value: 'true' };
  }
  if (/^(n|N|no|No|NO|false|False|FALSE|off|Off|OFF)$/.test(source)) {
    return { type: 'a boolean', value: 'false' };
  }
  if (source === '<<' || source === '=') return { type: 'a merge or value key', value: source };
  if (isTimestamp(source)) return { type: 'a date', value: source };
  return readNumber11(source) ?? text(source);
}

function isTimestamp(source: string): boolean {
  return (
    /^\d{4}-\d\d-\d\d$/.test(source) ||
    /^\d{4}-\d\d?-\d\d?([Tt]|[ \t]+)\d\d?:\d\d:\d\d(\.\d*)?([ \t]*(Z|[-+]\d\d?(:?\d\d)?))?$/.test(
      source,
    )
  );
}

function readNumber11(source: string): Reading | undefined {
  const sign = source.startsWith('-') ? -1 : 1;
  const digits = source.replace(/^[-+]/, '').replace(/_/g, '');
  if (/^[-+]?0b[01_]+$/.test(source)) return number(sign * Number.parseInt(digits.slice(2), 2));
  if (/^[-+]?0[0-7_]+$/.test(source)) return number(sign * Number.parseInt(digits, 8));
  if (/^[-+]?0x[0-9a-fA-F_]+$/.test(source)) {
    return number(sign * Number.parseInt(digits.slice(2), 16));
  }
  if (/^[-+]?(0|[1-9][0-9]*)$/.test(source)) return number(sign * Number(digits));
  if (/^[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?$/.test(source)) {
    const total = digits.split(':').reduce((sum, part) => sum * 60 + Number(part), 0);
    return number(sign * total);
  }
  // Readers also take underscores where the specification has none.
  if (source.includes('_') && /^[-+]?[0-9.][0-9_.]*([eE][-+]?[0-9]+)?$/.test(source)) {
    return number(sign * Number(digits));
  }
  if (/^[-+]0o[0-7]+$/.test(source)) return number(sign * Number.parseInt(digits.slice(2), 8));
  // Without a digit before the "." a sign makes some readers see text.
  if (/^([-+]?[0-9]+\.[0-9]*|\.[0-9]+)([eE][-+][0-9]+)?$/.test(source)) {
    return number(sign * Number(digits));
  }
  if (/^[-+]?\.(inf|Inf|INF)$|^\.(nan|NaN|NAN)$/.test(source)) return special(source);
  return undefined;
}

function number(value: number): Reading {
  return { type: 'number', value: String(value === 0 ? 0 : value) };
}

function special(source: string): Reading {
  return { type: 'number', value: source.toLowerCase().replace('+', '') };
}
