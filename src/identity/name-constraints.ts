// SPDX-License-Identifier: Apache-2.0
import { isIP } from 'node:net';
import * as pkijs from 'pkijs';

/** GeneralName tags (RFC 5280 section 4.2.1.6). */
export const URI_NAME = 6;
const EMAIL_NAME = 1;
const DNS_NAME = 2;
const IP_NAME = 7;
/** Of the others, the directory name limits subjects, which nobody here looks at. */
const UNDERSTOOD: ReadonlySet<number> = new Set([EMAIL_NAME, DNS_NAME, URI_NAME, IP_NAME]);

/**
 * Name constraints as far as they matter here: hosts of URIs are compared, and a certificate with
 * a name of another kind that is constrained at all is refused, which is stricter than comparing.
 */
export interface NameConstraints {
  /** Hosts, or domains with a leading dot; absent: any host. */
  readonly permittedHosts?: readonly string[];
  readonly excludedHosts: readonly string[];
  /** Kinds of names, other than URIs, that are constrained. */
  readonly constrained: ReadonlySet<number>;
}

/** Undefined when something in the extension is not understood. */
export function readNameConstraints(parsed: unknown): NameConstraints | undefined {
  if (!(parsed instanceof pkijs.NameConstraints)) return undefined;
  const permitted = parsed.permittedSubtrees ?? [];
  const excluded = parsed.excludedSubtrees ?? [];
  const all = [...permitted, ...excluded];
  // RFC 5280 section 4.2.1.10: minimum is zero and maximum absent in every certificate.
  const plain = all.every(
    ({ base, minimum, maximum }) =>
      UNDERSTOOD.has(base.type) && minimum === 0 && maximum === undefined,
  );
  if (!plain || all.length === 0) return undefined;
  const hosts = (subtrees: readonly pkijs.GeneralSubtree[]) =>
    subtrees
      .filter(({ base }) => base.type === URI_NAME)
      .map(({ base }) => String(base.value).toLowerCase());
  const permittedHosts = hosts(permitted);
  const kinds = all.map(({ base }) => base.type).filter((type) => type !== URI_NAME);
  return {
    ...(permittedHosts.length > 0 && { permittedHosts }),
    excludedHosts: hosts(excluded),
    constrained: new Set(kinds),
  };
}

/** What a certificate is called. */
export interface Names {
  readonly isCa: boolean;
  /** As node writes it. */
  readonly subject: string;
  readonly uris: readonly string[];
  readonly otherNames: ReadonlySet<number>;
}

export function permitsNames(limits: NameConstraints, below: Names): boolean {
  const { permittedHosts, excludedHosts, constrained } = limits;
  const { isCa, subject, uris, otherNames } = below;
  if ([...otherNames].some((kind) => constrained.has(kind))) return false;
  // Subjects may hold DNS names (CN) and addresses of mail as well.
  if (constrained.has(DNS_NAME) && !isCa && subject.includes('CN=')) return false;
  if (constrained.has(EMAIL_NAME) && subject.includes('emailAddress=')) return false;
  if (!permittedHosts && excludedHosts.length === 0) return true;
  return uris.every((uri) => {
    const host = hostOf(uri);
    if (host === undefined) return false;
    if (excludedHosts.some((one) => one === '' || isWithin(host, one))) return false;
    return permittedHosts?.some((one) => isWithin(host, one)) ?? true;
  });
}

function isWithin(host: string, constraint: string): boolean {
  return constraint.startsWith('.') ? host.endsWith(constraint) : host === constraint;
}

/** Undefined for what has no host name to compare: then nothing is permitted. */
function hostOf(uri: string): string | undefined {
  const host = /^[a-z][a-z0-9+.-]*:\/\/([a-z0-9._-]+)(?:[/?#]|$)/i.exec(uri)?.[1]?.toLowerCase();
  return host === undefined || isIP(host) !== 0 ? undefined : host;
}
