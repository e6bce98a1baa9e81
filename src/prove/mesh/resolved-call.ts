// SPDX-License-Identifier: Apache-2.0
import type { JsonObject } from '../../compile/kube/object.ts';
import { parseIp, parseIpRange, rangeContains } from '../../policy/ip-range.ts';
import { type Answer, isUnknown, type Unknown, unknown } from './answer.ts';
import type { MeshDestination } from './mesh-call.ts';

/** What a proxy knows of one call when it judges. */
export interface ResolvedCall {
  /** The URI name of the caller's certificate; absent: the caller showed none. */
  readonly principal?: string | Unknown;
  readonly address: string | Unknown;
  /** Of the token that was verified; absent: none was. */
  readonly claims?: JsonObject | Unknown;
  readonly destination: MeshDestination;
  /** The mesh's own name and its aliases. */
  readonly trustDomains: readonly string[];
  readonly minor: number;
}

export function inBlock(block: string, address: string | Unknown): Answer {
  if (isUnknown(address)) return address;
  const range = parseIpRange(block);
  const parsed = parseIp(address);
  if (!range || !parsed) return unknown('field-unknown', `"${block}" is no address range`);
  return rangeContains(range, parsed);
}

export function isPort(value: string, port: number): Answer {
  if (!/^\d{1,5}$/.test(value)) return unknown('field-unknown', `"${value}" is no port`);
  return Number(value) === port;
}
