// SPDX-License-Identifier: Apache-2.0

/**
 * Character set of a collation id, for the ranges that drivers send in logins. Only sets whose
 * ASCII bytes always stand for themselves; anything else is for SET NAMES, where it is refused.
 */
const RANGES: readonly (readonly [first: number, last: number, name: string])[] = [
  [8, 8, 'latin1'],
  [11, 11, 'ascii'],
  [15, 15, 'latin1'],
  [31, 31, 'latin1'],
  [33, 33, 'utf8'],
  [45, 46, 'utf8mb4'],
  [47, 49, 'latin1'],
  [63, 63, 'binary'],
  [65, 65, 'ascii'],
  [83, 83, 'utf8'],
  [94, 94, 'latin1'],
  [192, 215, 'utf8'],
  [224, 247, 'utf8mb4'],
  [255, 323, 'utf8mb4'],
];

/** Names are decoded as UTF-8: with another character set the same bytes name something else. */
export function isReadable(name: string, collation: number): boolean {
  if (/^[\x20-\x7e]*$/.test(name)) return true;
  const isUtf8 = charsetName(collation)?.startsWith('utf8') === true;
  return isUtf8 && !name.includes('\ufffd');
}

export function charsetName(collation: number): string | undefined {
  return RANGES.find(([first, last]) => collation >= first && collation <= last)?.[2];
}
