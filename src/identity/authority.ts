// SPDX-License-Identifier: Apache-2.0
import { createHash, createPrivateKey, randomBytes, webcrypto, X509Certificate } from 'node:crypto';
import {
  Set as AsnSet,
  type BitString,
  Integer,
  ObjectIdentifier,
  OctetString,
  Sequence,
  Utf8String,
} from 'asn1js';
import * as pkijs from 'pkijs';
import { type Clock, systemClock } from '../model/clock.ts';
import { Secret } from '../model/secret.ts';
import { type CertificateProfile, certificateExtensions } from './certificate-extensions.ts';

const HOUR_MS = 3_600_000;
/** Peers whose clocks are a little behind must still accept a fresh certificate. */
const BACKDATE_MS = 60_000;
const ROOT_LIFETIME_MS = 10 * 365 * 24 * HOUR_MS;
const LEAF_LIFETIME_MS = 24 * HOUR_MS;

const ALGORITHM = { name: 'ECDSA', namedCurve: 'P-256' } as const;
const engine = new pkijs.CryptoEngine({
  name: 'node',
  crypto: webcrypto,
});

export interface CertificateRequest extends CertificateProfile {
  readonly commonName?: string;
  readonly organization?: string;
  readonly notBefore?: Date;
  /** Default: 24 hours for a leaf, the issuer's own end for an intermediate. */
  readonly notAfter?: Date;
}

export interface IssuedCertificate {
  readonly certPem: string;
  readonly keyPem: Secret;
  /** The leaf and every intermediate, without the root: what a TLS peer presents. */
  readonly chainPem: string;
}

/** An X.509 authority on P-256 keys. Everything it issues verifies with OpenSSL (RFC 5280). */
export interface Authority {
  readonly certPem: string;
  readonly keyPem: Secret;
  /** Its own certificate and those above it, without the root; empty for a root. */
  readonly intermediatesPem: string;
  issue(request: CertificateRequest): Promise<IssuedCertificate>;
  /** For a key that somebody else holds (SPKI, DER). Resolves with the chain, as for `issue`. */
  certify(publicKey: Uint8Array, request: CertificateRequest): Promise<{ chainPem: string }>;
  intermediate(request?: CertificateRequest): Promise<Authority>;
}

interface Name {
  readonly commonName?: string;
  readonly organization?: string;
}

/** A new self-signed root, valid for ten years unless told otherwise. */
export async function createAuthority(
  options: Name & { readonly notAfter?: Date; readonly pathLength?: number } = {},
  clock: Clock = systemClock,
): Promise<Authority> {
  const keys = await generateKeys();
  const subject = { commonName: 'Postern CA', ...options };
  const certificate = await sign({
    subject: distinguishedName(subject),
    publicKey: await publicKeyOf(keys),
    profile: {
      isCa: true,
      ...(options.pathLength !== undefined && { pathLength: options.pathLength }),
    },
    notBefore: new Date(clock.now() - BACKDATE_MS),
    notAfter: options.notAfter ?? new Date(clock.now() + ROOT_LIFETIME_MS),
    issuer: { signingKey: keys.privateKey },
  });
  return authorityFrom(certificate, keys.privateKey, await privateKeyPem(keys), '', clock);
}

/** An authority from its files; throws when the key is not P-256 or not the certificate's. */
export async function openAuthority(
  files: {
    readonly certPem: string;
    readonly keyPem: Secret;
    readonly intermediatesPem?: string;
  },
  clock: Clock = systemClock,
): Promise<Authority> {
  const parsed = new X509Certificate(files.certPem);
  const key = createPrivateKey(files.keyPem.reveal());
  if (!parsed.ca) throw new TypeError('the certificate is not that of an authority');
  if (!parsed.checkPrivateKey(key))
    throw new TypeError('the key does not belong to the certificate');
  const pkcs8 = key.export({ type: 'pkcs8', format: 'der' });
  const signingKey = await webcrypto.subtle.importKey('pkcs8', pkcs8, ALGORITHM, false, ['sign']);
  const certificate = pkijs.Certificate.fromBER(new Uint8Array(parsed.raw));
  return authorityFrom(certificate, signingKey, files.keyPem, files.intermediatesPem ?? '', clock);
}

function authorityFrom(
  certificate: pkijs.Certificate,
  key: webcrypto.CryptoKey,
  keyPem: Secret,
  intermediatesPem: string,
  clock: Clock,
): Authority {
  const issuer = { certificate, signingKey: key };
  const signFor = (publicKey: PublicKey, request: CertificateRequest, byDefaultMs: number) => {
    const end = Math.min(clock.now() + byDefaultMs, certificate.notAfter.value.getTime());
    return sign({
      subject: distinguishedName(request),
      publicKey,
      profile: request,
      notBefore: request.notBefore ?? new Date(clock.now() - BACKDATE_MS),
      notAfter: request.notAfter ?? new Date(end),
      issuer,
    });
  };
  const make = async (request: CertificateRequest, byDefaultMs: number) => {
    const keys = await generateKeys();
    const issued = await signFor(await publicKeyOf(keys), request, byDefaultMs);
    return { issued, keys, keyPem: await privateKeyPem(keys) };
  };
  return {
    certPem: certificatePem(certificate),
    keyPem,
    intermediatesPem,
    async issue(request) {
      const made = await make(request, LEAF_LIFETIME_MS);
      const certPem = certificatePem(made.issued);
      return { certPem, keyPem: made.keyPem, chainPem: certPem + intermediatesPem };
    },
    async certify(publicKey, request) {
      const issued = await signFor(publicKey, request, LEAF_LIFETIME_MS);
      return { chainPem: certificatePem(issued) + intermediatesPem };
    },
    async intermediate(request = {}) {
      const ca = { commonName: 'Postern intermediate CA', pathLength: 0, ...request, isCa: true };
      const made = await make(ca, ROOT_LIFETIME_MS);
      const above = certificatePem(made.issued) + intermediatesPem;
      return authorityFrom(made.issued, made.keys.privateKey, made.keyPem, above, clock);
    },
  };
}

/** SPKI in DER. */
type PublicKey = Uint8Array;

interface Order {
  readonly subject: pkijs.RelativeDistinguishedNames;
  readonly publicKey: PublicKey;
  readonly profile: CertificateProfile;
  readonly notBefore: Date;
  readonly notAfter: Date;
  /** Without `certificate`: self-signed. */
  readonly issuer: {
    readonly certificate?: pkijs.Certificate;
    readonly signingKey: webcrypto.CryptoKey;
  };
}

async function sign(order: Order): Promise<pkijs.Certificate> {
  const certificate = new pkijs.Certificate();
  certificate.version = 2; // X.509 v3
  certificate.serialNumber = serialNumber();
  certificate.subject = order.subject;
  certificate.issuer = order.issuer.certificate?.subject ?? order.subject;
  certificate.notBefore = time(order.notBefore);
  certificate.notAfter = time(order.notAfter);
  certificate.subjectPublicKeyInfo = pkijs.PublicKeyInfo.fromBER(new Uint8Array(order.publicKey));
  const subjectKeyId = keyIdentifier(certificate);
  certificate.extensions = certificateExtensions(order.profile, {
    subjectIsEmpty: order.subject.typesAndValues.length === 0,
    subjectKeyId,
    issuerKeyId: order.issuer.certificate ? keyIdentifier(order.issuer.certificate) : subjectKeyId,
  });
  await certificate.sign(order.issuer.signingKey, 'SHA-256', engine);
  return certificate;
}

function generateKeys(): Promise<webcrypto.CryptoKeyPair> {
  return webcrypto.subtle.generateKey(ALGORITHM, true, ['sign', 'verify']);
}

async function publicKeyOf(keys: webcrypto.CryptoKeyPair): Promise<PublicKey> {
  return new Uint8Array(await webcrypto.subtle.exportKey('spki', keys.publicKey));
}

/** RFC 7093 section 2, method 1: the leftmost 160 bits of the SHA-256 of the public key bits. */
function keyIdentifier(certificate: pkijs.Certificate): OctetString {
  const bits: BitString = certificate.subjectPublicKeyInfo.subjectPublicKey;
  const digest = createHash('sha256').update(bits.valueBlock.valueHexView).digest();
  return new OctetString({ valueHex: new Uint8Array(digest.subarray(0, 20)) });
}

/** 127 random bits: positive, and never zero (RFC 5280 section 4.1.2.2). */
function serialNumber(): Integer {
  const bytes = new Uint8Array(randomBytes(16));
  bytes[0] = ((bytes[0] ?? 0) & 0x7f) | 0x40;
  return new Integer({ valueHex: bytes });
}

/** UTCTime until 2049, GeneralizedTime from 2050 (RFC 5280 section 4.1.2.5). */
function time(value: Date): pkijs.Time {
  const type = value.getUTCFullYear() < 2050 ? 0 : 1;
  return new pkijs.Time({ type, value: new Date(Math.floor(value.getTime() / 1000) * 1000) });
}

/**
 * Organization (2.5.4.10), then common name (2.5.4.3), each in a set of its own. The library would
 * write one set with both, which is another name to everything that compares subjects as text.
 */
function distinguishedName(name: Name): pkijs.RelativeDistinguishedNames {
  const parts = [
    ['2.5.4.10', name.organization],
    ['2.5.4.3', name.commonName],
  ] as const;
  const sets = parts.flatMap(([oid, value]) => {
    if (value === undefined) return [];
    const type = new ObjectIdentifier({ value: oid });
    const pair = new Sequence({ value: [type, new Utf8String({ value })] });
    return [new AsnSet({ value: [pair] })];
  });
  return pkijs.RelativeDistinguishedNames.fromBER(new Sequence({ value: sets }).toBER());
}

function certificatePem(certificate: pkijs.Certificate): string {
  return toPem('CERTIFICATE', certificate.toSchema(true).toBER(false));
}

async function privateKeyPem(keys: webcrypto.CryptoKeyPair): Promise<Secret> {
  return new Secret(
    toPem('PRIVATE KEY', await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
  );
}

/** RFC 7468: lines of 64 characters. */
function toPem(label: string, der: ArrayBuffer): string {
  const lines =
    Buffer.from(der)
      .toString('base64')
      .match(/.{1,64}/g) ?? [];
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ''].join('\n');
}
