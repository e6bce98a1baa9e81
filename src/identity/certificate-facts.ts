// SPDX-License-Identifier: Apache-2.0
import type { X509Certificate } from 'node:crypto';
import type { BitString } from 'asn1js';
import * as pkijs from 'pkijs';
import { type NameConstraints, readNameConstraints, URI_NAME } from './name-constraints.ts';

/** What a certificate says of itself, where `node:crypto` says it as text or not at all. */
export interface CertificateFacts {
  readonly isCa: boolean;
  /** Intermediates that may follow a CA; absent: any number. */
  readonly pathLength?: number;
  /** Without a KeyUsage extension: yes. */
  readonly maySignData: boolean;
  /** Without a KeyUsage extension: what an authority may do, and nobody else. */
  readonly maySignCertificates: boolean;
  /** Purpose OIDs; absent: any. */
  readonly purposes?: readonly string[];
  readonly uris: readonly string[];
  /** Kinds (GeneralName tags) of the other alternative names. */
  readonly otherNames: ReadonlySet<number>;
  /** What certificates below this one may be called; only an authority's counts. */
  readonly nameConstraints?: NameConstraints;
  /** ms since the epoch. */
  readonly notBefore: number;
  readonly notAfter: number;
  /** OID of the algorithm it was signed with. */
  readonly signatureAlgorithm: string;
  /** OID of a critical extension, or of name constraints, that are not understood here. */
  readonly notUnderstood?: string;
}

export const CLIENT_AUTH = '1.3.6.1.5.5.7.3.2';
export const ANY_PURPOSE = '2.5.29.37.0';

const KEY_USAGE = '2.5.29.15';
const SUBJECT_ALT_NAME = '2.5.29.17';
const BASIC_CONSTRAINTS = '2.5.29.19';
const NAME_CONSTRAINTS = '2.5.29.30';
const EXTENDED_KEY_USAGE = '2.5.29.37';
const UNDERSTOOD = new Set([KEY_USAGE, SUBJECT_ALT_NAME, BASIC_CONSTRAINTS, EXTENDED_KEY_USAGE]);

/** First byte of KeyUsage (RFC 5280 section 4.2.1.3). */
const DIGITAL_SIGNATURE = 0x80;
const KEY_CERT_SIGN = 0x04;

/** Undefined when it cannot be read without doubt: broken DER, or an extension given twice. */
export function certificateFacts(certificate: X509Certificate): CertificateFacts | undefined {
  try {
    return read(pkijs.Certificate.fromBER(new Uint8Array(certificate.raw)));
  } catch {
    // The parser throws many kinds; to the caller all of them mean "not readable".
    return undefined;
  }
}

function read(certificate: pkijs.Certificate): CertificateFacts | undefined {
  const extensions = certificate.extensions ?? [];
  const byId = new Map(extensions.map((extension) => [extension.extnID, extension]));
  if (byId.size !== extensions.length) return undefined;
  const parsed = (oid: string): unknown => byId.get(oid)?.parsedValue;

  const constraints = parsed(BASIC_CONSTRAINTS);
  const purposes = parsed(EXTENDED_KEY_USAGE);
  const names = parsed(SUBJECT_ALT_NAME);
  const usage = parsed(KEY_USAGE) as BitString | undefined;
  if (byId.has(BASIC_CONSTRAINTS) && !(constraints instanceof pkijs.BasicConstraints)) {
    return undefined;
  }
  if (byId.has(EXTENDED_KEY_USAGE) && !(purposes instanceof pkijs.ExtKeyUsage)) return undefined;
  if (byId.has(SUBJECT_ALT_NAME) && !(names instanceof pkijs.AltName)) return undefined;

  const basic = constraints instanceof pkijs.BasicConstraints ? constraints : undefined;
  const pathLength = basic?.pathLenConstraint;
  const isCa = basic?.cA ?? false;
  const limits = byId.has(NAME_CONSTRAINTS) && readNameConstraints(parsed(NAME_CONSTRAINTS));
  const notUnderstood = extensions.find(({ extnID, critical }) =>
    // Only authorities may have constraints (RFC 5280 section 4.2.1.10).
    extnID === NAME_CONSTRAINTS ? !(limits && isCa) : critical && !UNDERSTOOD.has(extnID),
  )?.extnID;
  const unstated = DIGITAL_SIGNATURE | (isCa ? KEY_CERT_SIGN : 0);
  const usageBits = usage === undefined ? unstated : (usage.valueBlock.valueHexView[0] ?? 0);
  return {
    isCa,
    ...(pathLength !== undefined && { pathLength: Number(pathLength) }),
    maySignData: (usageBits & DIGITAL_SIGNATURE) !== 0,
    maySignCertificates: (usageBits & KEY_CERT_SIGN) !== 0,
    ...(purposes instanceof pkijs.ExtKeyUsage && { purposes: [...purposes.keyPurposes] }),
    uris: names instanceof pkijs.AltName ? uriNames(names) : [],
    otherNames: new Set(
      names instanceof pkijs.AltName
        ? names.altNames.map(({ type }) => type).filter((type) => type !== URI_NAME)
        : [],
    ),
    ...(limits && { nameConstraints: limits }),
    notBefore: certificate.notBefore.value.getTime(),
    notAfter: certificate.notAfter.value.getTime(),
    signatureAlgorithm: certificate.signatureAlgorithm.algorithmId,
    ...(notUnderstood !== undefined && { notUnderstood }),
  };
}

function uriNames(names: pkijs.AltName): readonly string[] {
  return names.altNames.filter((name) => name.type === URI_NAME).map((name) => String(name.value));
}
