// SPDX-License-Identifier: Apache-2.0
import type { X509Certificate } from 'node:crypto';
import { PosternError } from '../model/errors.ts';

/** As `REQUIRE ISSUER ... SUBJECT ...` compares them. */
export interface CertificateNames {
  readonly issuer: string;
  readonly subject: string;
}

/**
 * The names of a certificate in OpenSSL's one-line form (`X509_NAME_oneline`), which MariaDB
 * compares byte by byte: `/C=DE/O=Example/CN=postern`. That form is ambiguous, so names that
 * another certificate could imitate, or whose spelling depends on the library's version, throw
 * `target-unsupported`. Node's own text form loses string types, hence the DER is read.
 */
export function certificateNames(certificate: X509Certificate): CertificateNames {
  // RFC 5280 4.1: TBSCertificate = [0] version?, serial, signature, issuer, validity, subject.
  const tbs = children(children(element(certificate.raw, 0))[0]);
  const first = tbs[0]?.tag === 0xa0 ? 1 : 0;
  return { issuer: oneLine(tbs[first + 2]), subject: oneLine(tbs[first + 4]) };
}

interface Element {
  readonly tag: number;
  readonly content: Buffer;
  readonly end: number;
}

/** Attribute types and the short names OpenSSL gives them (RFC 4519, PKCS #9). */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  '550403': 'CN',
  '550404': 'SN',
  '550405': 'serialNumber',
  '550406': 'C',
  '550407': 'L',
  '550408': 'ST',
  '550409': 'street',
  '55040a': 'O',
  '55040b': 'OU',
  '55040c': 'title',
  '55042a': 'GN',
  '55042b': 'initials',
  '55042e': 'dnQualifier',
  '2a864886f70d010901': 'emailAddress',
  '0992268993f22c640101': 'UID',
  '0992268993f22c640119': 'DC',
};

const UTF8_STRING = 0x0c;
const PRINTABLE_STRING = 0x13;
const IA5_STRING = 0x16;
/** Wide and mixed encodings: one name has several spellings there. */
const TEXT_TAGS = new Set([UTF8_STRING, PRINTABLE_STRING, IA5_STRING]);

function oneLine(name: Element | undefined): string {
  const parts = children(name).map((relativeName) => {
    const attributes = children(relativeName);
    const [type, value] = children(attributes[0]);
    if (attributes.length !== 1) throw unsupported('it has several values in one part');
    const short = SHORT_NAMES[type?.content.toString('hex') ?? ''];
    if (!short) throw unsupported('it has an attribute without a well-known short name');
    if (!value || !TEXT_TAGS.has(value.tag)) throw unsupported('it uses an old string type');
    return `/${short}=${oneLineText(value.content)}`;
  });
  if (parts.length === 0) throw unsupported('it is empty');
  return parts.join('');
}

function oneLineText(bytes: Buffer): string {
  let text = '';
  for (const byte of bytes) {
    // A slash may read as the next part, a backslash as the escape of another byte; OpenSSL 3
    // escapes / and + with a backslash, older versions do not.
    if (byte === 0x2f || byte === 0x5c || byte === 0x2b) {
      throw unsupported('it contains /, + or \\');
    }
    if (byte < 0x20) throw unsupported('it contains control characters');
    text += byte > 0x7e ? `\\x${byte.toString(16).toUpperCase()}` : String.fromCharCode(byte);
  }
  return text;
}

function children(parent: Element | undefined): readonly Element[] {
  const found: Element[] = [];
  if (!parent) return found;
  for (let at = 0; at < parent.content.length; ) {
    const child = element(parent.content, at);
    found.push(child);
    at = child.end;
  }
  return found;
}

/** One DER element. OpenSSL has parsed the same bytes before, so damage here is only refused. */
function element(bytes: Buffer, at: number): Element {
  const tag = bytes[at];
  let length = bytes[at + 1];
  let start = at + 2;
  if (length !== undefined && length > 0x80 && length <= 0x84) {
    const lengthBytes = length - 0x80;
    if (start + lengthBytes > bytes.length) throw unsupported('its encoding is damaged');
    length = bytes.readUIntBE(start, lengthBytes);
    start += lengthBytes;
  }
  if (tag === undefined || length === undefined || start + length > bytes.length) {
    throw unsupported('its encoding is damaged');
  }
  return { tag, content: bytes.subarray(start, start + length), end: start + length };
}

function unsupported(what: string): PosternError {
  return new PosternError('target-unsupported', {
    target: 'with this client certificate',
    problem: `its name cannot be written into REQUIRE SUBJECT/ISSUER: ${what}`,
  });
}
