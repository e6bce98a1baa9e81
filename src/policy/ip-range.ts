// SPDX-License-Identifier: Apache-2.0

/**
 * An IP address as eight 16-bit groups. IPv4 is kept in its IPv4-mapped form (RFC 4291, 2.5.5.2),
 * so `::ffff:10.0.0.1` and `10.0.0.1` are one address.
 */
export type IpAddress = readonly number[];

export interface IpRange {
  readonly address: IpAddress;
  /** 0 to 128; an IPv4 prefix length plus 96. */
  readonly prefixLength: number;
}

const GROUPS = 8;
const MAPPED_PREFIX = [0, 0, 0, 0, 0, 0xffff];
const MAPPED_PREFIX_LENGTH = 96;

/** Undefined when it is no address. A zone index (`%eth0`, RFC 4007) is left out. */
export function parseIp(text: string): IpAddress | undefined {
  const plain = text.replace(/%[^%]*$/, '');
  return plain.includes(':') ? parseV6(plain) : parseV4(plain);
}

/** `10.0.0.0/8`, `2001:db8::/32` or a single address; bits beyond the prefix do not matter. */
export function parseIpRange(text: string): IpRange | undefined {
  const [addressText = '', lengthText, ...rest] = text.split('/');
  const address = parseIp(addressText);
  if (!address || rest.length > 0) return undefined;
  if (lengthText === undefined) return { address, prefixLength: GROUPS * 16 };
  if (!/^\d{1,3}$/.test(lengthText)) return undefined;
  const offset = addressText.includes(':') ? 0 : MAPPED_PREFIX_LENGTH;
  const prefixLength = Number(lengthText) + offset;
  return prefixLength <= GROUPS * 16 ? { address, prefixLength } : undefined;
}

/** A range of IPv6 shorter than the mapped prefix, such as `::/0`, does not mean IPv4. */
export function rangeContains(range: IpRange, address: IpAddress): boolean {
  if (isMapped(address) && range.prefixLength < MAPPED_PREFIX_LENGTH) return false;
  for (let group = 0; group < GROUPS; group++) {
    const mask = groupMask(range, group);
    if (((range.address[group] ?? 0) & mask) !== ((address[group] ?? 0) & mask)) return false;
  }
  return true;
}

/** The bits of one 16-bit group that the prefix covers. */
function groupMask(range: IpRange, group: number): number {
  const bits = Math.min(16, Math.max(0, range.prefixLength - group * 16));
  return (0xffff << (16 - bits)) & 0xffff;
}

function isMapped(address: IpAddress): boolean {
  return MAPPED_PREFIX.every((value, group) => address[group] === value);
}

function parseV4(text: string): IpAddress | undefined {
  const groups = v4Groups(text);
  return groups && [...MAPPED_PREFIX, ...groups];
}

/** Four decimal octets without leading zeros: `010.0.0.1` means different things to others. */
function v4Groups(text: string): readonly number[] | undefined {
  const octets = text.split('.');
  if (octets.length !== 4 || !octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet))) {
    return undefined;
  }
  const [a = 0, b = 0, c = 0, d = 0] = octets.map(Number);
  if (Math.max(a, b, c, d) > 255) return undefined;
  return [a * 256 + b, c * 256 + d];
}

function parseV6(text: string): IpAddress | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const head = v6Groups(halves[0] ?? '');
  const tail = halves.length === 2 ? v6Groups(halves[1] ?? '') : [];
  if (!head || !tail) return undefined;
  const missing = GROUPS - head.length - tail.length;
  if (halves.length === 2 ? missing < 1 : missing !== 0) return undefined;
  return [...head, ...new Array<number>(missing).fill(0), ...tail];
}

function v6Groups(text: string): readonly number[] | undefined {
  if (text === '') return [];
  const parts = text.split(':');
  const groups: number[] = [];
  for (const [index, part] of parts.entries()) {
    if (index === parts.length - 1 && part.includes('.')) {
      const embedded = v4Groups(part);
      if (!embedded) return undefined;
      groups.push(...embedded);
    } else if (/^[0-9a-f]{1,4}$/i.test(part)) {
      groups.push(Number.parseInt(part, 16));
    } else {
      return undefined;
    }
  }
  return groups;
}

/**
 * Where membership in the range may change when one walks through all addresses: its first
 * address, and the one after its last (none after the very last address there is).
 */
export function rangeEdges(range: IpRange): readonly IpAddress[] {
  const first = range.address.map((value, group) => value & groupMask(range, group));
  const after = range.address.map((value, group) => value | (~groupMask(range, group) & 0xffff));
  for (let group = GROUPS - 1; group >= 0; group--) {
    const next = (after[group] ?? 0) + 1;
    after[group] = next & 0xffff;
    if (next <= 0xffff) return [first, after];
  }
  return [first];
}

/** In dotted form when it is IPv4, otherwise in full (RFC 4291, 2.2, form 1). */
export function ipText(address: IpAddress): string {
  if (!isMapped(address)) return address.map((group) => group.toString(16)).join(':');
  return address
    .slice(MAPPED_PREFIX.length)
    .flatMap((group) => [group >> 8, group & 0xff])
    .join('.');
}
