// SPDX-License-Identifier: Apache-2.0
import { isIP, isIPv4 } from 'node:net';
import { BitString, OctetString } from 'asn1js';
import * as pkijs from 'pkijs';

/** What a certificate may be used for and whom it names (RFC 5280 section 4.2). */
export interface CertificateProfile {
  readonly spiffeId?: string;
  readonly uris?: readonly string[];
  readonly dnsNames?: readonly string[];
  readonly ipAddresses?: readonly string[];
  readonly isCa?: boolean;
  /** How many intermediates may follow; only for a CA. */
  readonly pathLength?: number;
  /**
   * Only for a CA: certificates below it may be called by URIs of this host (a SPIFFE trust
   * domain) and by nothing else: no other host, no DNS name, no address.
   */
  readonly onlyUriHost?: string;
  /** Default for a leaf: both. A CA has none, so that it limits nothing below it. */
  readonly usages?: readonly ('client' | 'server')[];
  /** Default: critical exactly when the subject is empty (RFC 5280 section 4.1.2.6). */
  readonly criticalSan?: boolean;
}

const EXTENSION = {
  subjectKeyIdentifier: '2.5.29.14',
  keyUsage: '2.5.29.15',
  subjectAltName: '2.5.29.17',
  basicConstraints: '2.5.29.19',
  nameConstraints: '2.5.29.30',
  authorityKeyIdentifier: '2.5.29.35',
  extendedKeyUsage: '2.5.29.37',
} as const;

const PURPOSE = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' } as const;

/** Bits of KeyUsage with the count of unused trailing bits (RFC 5280 section 4.2.1.3). */
const DIGITAL_SIGNATURE = { bits: 0x80, unusedBits: 7 };
const CERT_AND_CRL_SIGN = { bits: 0x06, unusedBits: 1 };

export function certificateExtensions(
  profile: CertificateProfile,
  facts: {
    readonly subjectIsEmpty: boolean;
    readonly subjectKeyId: OctetString;
    readonly issuerKeyId: OctetString;
  },
): pkijs.Extension[] {
  const isCa = profile.isCa ?? false;
  const usages = profile.usages ?? (isCa ? [] : (['server', 'client'] as const));
  const names = alternativeNames(profile);
  const constraints = new pkijs.BasicConstraints({
    cA: isCa,
    ...(isCa && profile.pathLength !== undefined ? { pathLenConstraint: profile.pathLength } : {}),
  });
  const issuerKey = new pkijs.AuthorityKeyIdentifier({ keyIdentifier: facts.issuerKeyId });
  const extensions = [
    extension(EXTENSION.basicConstraints, true, constraints.toSchema()),
    extension(EXTENSION.keyUsage, true, keyUsage(isCa ? CERT_AND_CRL_SIGN : DIGITAL_SIGNATURE)),
    extension(EXTENSION.subjectKeyIdentifier, false, facts.subjectKeyId),
    extension(EXTENSION.authorityKeyIdentifier, false, issuerKey.toSchema()),
  ];
  if (isCa && profile.onlyUriHost !== undefined) {
    const constraints = onlyUrisOf(profile.onlyUriHost);
    extensions.push(extension(EXTENSION.nameConstraints, true, constraints.toSchema()));
  }
  if (usages.length > 0) {
    const purposes = new pkijs.ExtKeyUsage({ keyPurposes: usages.map((usage) => PURPOSE[usage]) });
    extensions.push(extension(EXTENSION.extendedKeyUsage, false, purposes.toSchema()));
  }
  if (names.length > 0) {
    const critical = profile.criticalSan ?? facts.subjectIsEmpty;
    const altName = new pkijs.AltName({ altNames: names });
    extensions.push(extension(EXTENSION.subjectAltName, critical, altName.toSchema()));
  }
  return extensions;
}

function extension(
  extnID: string,
  critical: boolean,
  value: { toBER(sizeOnly?: boolean): ArrayBuffer },
): pkijs.Extension {
  return new pkijs.Extension({ extnID, critical, extnValue: value.toBER(false) });
}

function keyUsage(usage: { bits: number; unusedBits: number }): BitString {
  const { bits, unusedBits } = usage;
  return new BitString({ valueHex: new Uint8Array([bits]), unusedBits });
}

/** Every DNS name is below the empty one, every address in the network of length zero. */
function onlyUrisOf(host: string): pkijs.NameConstraints {
  const text = (type: 2 | 6, value: string) =>
    new pkijs.GeneralSubtree({ base: new pkijs.GeneralName({ type, value }) });
  const network = (bytes: number) => {
    const value = new OctetString({ valueHex: new Uint8Array(bytes) });
    return new pkijs.GeneralSubtree({ base: new pkijs.GeneralName({ type: 7, value }) });
  };
  return new pkijs.NameConstraints({
    permittedSubtrees: [text(6, host)],
    excludedSubtrees: [text(2, ''), network(8), network(32)],
  });
}

/** GeneralName choices: 2 dNSName, 6 uniformResourceIdentifier, 7 iPAddress. */
function alternativeNames(profile: CertificateProfile): pkijs.GeneralName[] {
  const uris = [...(profile.spiffeId ? [profile.spiffeId] : []), ...(profile.uris ?? [])];
  return [
    ...uris.map((value) => new pkijs.GeneralName({ type: 6, value })),
    ...(profile.dnsNames ?? []).map((value) => new pkijs.GeneralName({ type: 2, value })),
    ...(profile.ipAddresses ?? []).map((text) => {
      const value = new OctetString({ valueHex: addressBytes(text) });
      return new pkijs.GeneralName({ type: 7, value });
    }),
  ];
}

function addressBytes(text: string): Uint8Array<ArrayBuffer> {
  if (isIP(text) === 0) throw new TypeError(`"${text}" is not an IP address`);
  if (isIPv4(text)) return new Uint8Array(text.split('.').map(Number));
  const tail = /:(\d+)\.(\d+)\.(\d+)\.(\d+)$/.exec(text);
  const [a = 0, b = 0, c = 0, d = 0] = tail?.slice(1).map(Number) ?? [];
  const plain = tail
    ? text.slice(0, tail.index + 1) + [(a << 8) | b, (c << 8) | d].map(hex).join(':')
    : text;
  const [head = '', rest] = plain.split('::');
  const left = head === '' ? [] : head.split(':');
  const right = rest ? rest.split(':') : [];
  const zeros = Array<string>(rest === undefined ? 0 : 8 - left.length - right.length).fill('0');
  const groups = [...left, ...zeros, ...right].map((group) => Number.parseInt(group, 16));
  return new Uint8Array(groups.flatMap((group) => [group >> 8, group & 0xff]));
}

const hex = (value: number) => value.toString(16);
