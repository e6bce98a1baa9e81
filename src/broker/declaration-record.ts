// SPDX-License-Identifier: Apache-2.0
import { dirname, resolve } from 'node:path';
import { gunzipSync, gzipSync } from 'node:zlib';
import * as z from 'zod';
import { quoteString } from '../compile/sql/quote.ts';
import { checkSources } from '../policy/check.ts';
import type { Source } from '../policy/parse.ts';
import type { Policy } from '../policy/policy.ts';

/** A declaration as it was read; what it names stays where it is, so no secret is in it. */
export interface Declaration {
  readonly policy: Policy;
  readonly sources: readonly Source[];
}

/** A declaration that unpacks to more is no declaration. */
const MAX_BYTES = 64 << 20;
const format = z.array(z.strictObject({ path: z.string(), text: z.string() }));

/** Notes on a server which declaration the Target of a broker was brought to. */
export function recordStatement(broker: string, { policy, sources }: Declaration): string {
  const texts = sources.map(({ path, text }) => ({ path, text }));
  const packed = gzipSync(JSON.stringify(texts)).toString('base64');
  const values = [broker, policy.revision, packed].map(quoteString);
  const [name, revision, declaration] = values;
  return `REPLACE INTO postern.applied (broker, revision, applied_at, declaration) VALUES (${name}, ${revision}, UTC_TIMESTAMP(), ${declaration})`;
}

/**
 * The policy that was noted; files it names are taken to be below `cwd`. Undefined when it is not
 * what this build would accept: then nothing can be said about what it gave.
 */
export function recordedPolicy(packed: string, cwd: string): Policy | undefined {
  let texts: z.output<typeof format>;
  try {
    const bytes = gunzipSync(Buffer.from(packed, 'base64'), { maxOutputLength: MAX_BYTES });
    texts = format.parse(JSON.parse(bytes.toString('utf8')));
  } catch {
    // Somebody else's hand, or a format of a later build: either way it tells nothing.
    return undefined;
  }
  const sources = texts.map((one) => ({ ...one, directory: dirname(resolve(cwd, one.path)) }));
  return checkSources(sources).policy;
}
