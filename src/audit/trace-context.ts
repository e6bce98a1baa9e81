// SPDX-License-Identifier: Apache-2.0

/** W3C Trace Context, section 3.2: version, trace id, parent id, flags; lower-case hex only. */
const TRACEPARENT =
  /^(?!ff)([0-9a-f]{2})-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(-.*)?$/;

/** Version 00 is exactly so long; later versions may add fields after it. */
const VERSION_00_LENGTH = 55;
const MAX_LENGTH = 512;

export type Tags = Readonly<Record<string, string>>;

/** The value as it is when it is valid, reduced to the fields of version 00; else undefined. */
export function parseTraceparent(value: string): string | undefined {
  if (value.length > MAX_LENGTH) return undefined;
  const found = TRACEPARENT.exec(value);
  if (!found) return undefined;
  if (found[1] === '00' && value.length !== VERSION_00_LENGTH) return undefined;
  return value.slice(0, VERSION_00_LENGTH);
}

/**
 * The caller's trace: from the sqlcommenter tags of the statement, else from the attributes of the
 * connection. Both are claims of the peer, recorded to be joined with, never to decide on.
 */
export function traceparentFrom(tags: Tags, attributes: Tags = {}): string | undefined {
  return valid(tags) ?? valid(attributes);
}

function valid(tags: Tags): string | undefined {
  if (!Object.hasOwn(tags, 'traceparent')) return undefined;
  return parseTraceparent(tags.traceparent ?? '');
}

const MAX_TAGS = 32;
const MAX_TAG_LENGTH = 256;

/** Tags cut to a size that an audit record can carry: a peer decides how many it sends. */
export function boundedTags(tags: Tags): Tags {
  const entries = Object.entries(tags).slice(0, MAX_TAGS);
  return Object.fromEntries(
    entries.map(([key, value]) => [key.slice(0, MAX_TAG_LENGTH), value.slice(0, MAX_TAG_LENGTH)]),
  );
}
