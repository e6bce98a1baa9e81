// SPDX-License-Identifier: Apache-2.0

/** The longest name of a schema and of a host; what a `%` can still stand for is counted from it. */
const MAX_LENGTH = { schema: 64, host: 255 } as const;
const MAX_COUNTED = 31;

/**
 * A name pattern of the grant tables as MariaDB reads it: byte by byte, `_` for any one byte, `%` for
 * any run of them, `\` before any other byte for that byte itself.
 */
export class NamePattern {
  readonly text: string;
  /** The one name that it matches; undefined: it has wildcards. */
  readonly name: string | undefined;
  /**
   * Lower is more exact. Of several rows that match, the server takes the lowest: first by how many
   * bytes `%` may stand for, then by how many `%`, then `_` there are, then by where the first is.
   */
  readonly width: readonly number[];
  readonly #matches: RegExp;

  constructor(text: string, kind: keyof typeof MAX_LENGTH) {
    this.text = text;
    const bytes = latin1(text);
    let [source, fixed, single, runs, prefix] = ['', 0, 0, 0, 0];
    let inRun = false;
    for (let index = 0; index < bytes.length; index += 1) {
      let byte = bytes[index] ?? '';
      const isWildcard = byte === '_' || byte === '%';
      if (isWildcard && single + runs === 0) prefix = fixed;
      if (byte === '_') {
        source += '.';
        single += 1;
      } else if (byte === '%') {
        source += '.*';
        if (!inRun) runs += 1;
      } else {
        if (byte === '\\' && index + 1 < bytes.length) {
          index += 1;
          byte = bytes[index] ?? '';
        }
        source += literal(byte);
        fixed += 1;
      }
      inRun = isWildcard && byte === '%';
    }
    this.name = single + runs === 0 ? text.replaceAll(/\\(.)/gsu, '$1') : undefined;
    this.width = width(runs === 0 ? 0 : MAX_LENGTH[kind] - fixed - single, single, runs, prefix);
    this.#matches = new RegExp(`^${source}$`, kind === 'host' ? 'is' : 's');
  }

  matches(name: string): boolean {
    return this.#matches.test(latin1(name));
  }
}

/**
 * Whether a schema-level grant on `pattern` can reach `schema`. Without regard to case, because that
 * is how some servers compare.
 */
export function schemaPatternReaches(pattern: string, schema: string): boolean {
  return new NamePattern(pattern.toLowerCase(), 'schema').matches(schema.toLowerCase());
}

/** The one schema that a pattern without wildcards matches. */
export function exactSchema(pattern: string): string | undefined {
  return new NamePattern(pattern, 'schema').name;
}

/** Negative: the first is the more exact. */
export function compareWidths(one: readonly number[], other: readonly number[]): number {
  const at = one.findIndex((value, index) => value !== other[index]);
  return at === -1 ? 0 : (one[at] ?? 0) - (other[at] ?? 0);
}

function width(open: number, single: number, runs: number, prefix: number): readonly number[] {
  const [few, many] = [Math.min(single, MAX_COUNTED), Math.min(runs, MAX_COUNTED)];
  return open > few ? [open * 2 + 1, many, few, prefix] : [few * 2, open, many, prefix];
}

/** One character for each byte of the UTF-8 text. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}

function literal(byte: string): string {
  return byte.replace(/[$()*+.?[\\\]^{|}/-]/, '\\$&');
}
