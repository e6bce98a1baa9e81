// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { dirname, resolve } from 'node:path';
import { isNode, LineCounter, parseDocument } from 'yaml';
import type { z } from 'zod';
import { PosternError, problemText } from '../model/errors.ts';
import { type AuthoritySettings, authoritySettingsSchema } from './authority-settings.ts';
import { type OtlpSettings, type Settings, settingsSchema } from './settings.ts';

/** Settings with every path made absolute, relative to the file they were read from. */
export interface ReadSettings {
  readonly file: string;
  readonly settings: Settings;
}

/**
 * Reads `postern.yaml`. Throws `file-unreadable`, or `config-invalid` with every fault and its
 * line. Has no other effect.
 */
export function readSettings(file: string): ReadSettings {
  return { file, settings: parseSettings(readText(file), file) };
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
  }
}

/** The pure half of `readSettings`. */
export function parseSettings(text: string, file: string): Settings {
  return absolutePaths(parseYaml(settingsSchema, text, file), dirname(resolve(file)));
}

/** As `readSettings`, for `postern-ca.yaml`. */
export function readAuthoritySettings(file: string): AuthoritySettings {
  return parseAuthoritySettings(readText(file), file);
}

/** The pure half of `readAuthoritySettings`. */
export function parseAuthoritySettings(text: string, file: string): AuthoritySettings {
  const settings = parseYaml(authoritySettingsSchema, text, file);
  const at = (path: string) => resolve(dirname(resolve(file)), path);
  const { tls, audit } = settings;
  return {
    ...settings,
    policy: settings.policy.map(at),
    directory: at(settings.directory),
    ...(tls && { tls: { certificate: at(tls.certificate), key: at(tls.key) } }),
    audit: auditPaths(audit, at),
  };
}

/** Throws `config-invalid` with every fault and its line. */
export function parseYaml<Schema extends z.ZodType>(
  schema: Schema,
  text: string,
  file: string,
): z.output<Schema> {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, uniqueKeys: true });
  const faults = document.errors.map((error) => `  ${error.message}`);
  if (faults.length === 0) {
    const parsed = schema.safeParse(document.toJS({ maxAliasCount: 100 }) ?? {});
    if (parsed.success) return parsed.data;
    for (const issue of parsed.error.issues) {
      const key = issue.path.map(String).join('.');
      faults.push(
        `  line ${lineOf(document, issue.path, lines)}: ${key || 'document'}: ${issue.message}`,
      );
    }
  }
  throw new PosternError('config-invalid', {
    file,
    count: faults.length,
    faults: faults.join('\n'),
  });
}

/** The line of the deepest part of the path that exists (a missing key has no node of its own). */
function lineOf(
  document: ReturnType<typeof parseDocument>,
  path: readonly PropertyKey[],
  lines: LineCounter,
): number {
  for (let depth = path.length; depth >= 0; depth -= 1) {
    const node = document.getIn(path.slice(0, depth), true);
    if (isNode(node) && node.range) return lines.linePos(node.range[0]).line;
  }
  return 1;
}

function absolutePaths(settings: Settings, base: string): Settings {
  const at = (path: string) => resolve(base, path);
  const files = (pair: Settings['tls']) =>
    pair && { certificate: at(pair.certificate), key: at(pair.key) };
  return {
    ...settings,
    policy: settings.policy.map(at),
    listeners: settings.listeners.map((listener) =>
      'path' in listener.address
        ? { ...listener, address: { path: at(listener.address.path) } }
        : listener,
    ),
    tls: files(settings.tls),
    mesh: files(settings.mesh),
    audit: { ...auditPaths(settings.audit, at), hashKey: at(settings.audit.hashKey) },
    observability: { ...settings.observability, otlp: otlpPaths(settings.observability.otlp, at) },
    administration: { socket: at(settings.administration.socket) },
    drift: {
      ...settings.drift,
      clusters: settings.drift.clusters.map(({ kubeconfig, ...cluster }) => ({
        ...cluster,
        ...(kubeconfig !== undefined && { kubeconfig: at(kubeconfig) }),
      })),
    },
  };
}

type AuditPlaces = AuthoritySettings['audit'];

function auditPaths(audit: AuditPlaces, at: (path: string) => string): AuditPlaces {
  const { witness, witnessToken, witnessCa } = audit;
  const elsewhere = witness === undefined || witness === 'stdout' || /^https:/.test(witness);
  return {
    ...audit,
    directory: at(audit.directory),
    signingKey: at(audit.signingKey),
    witness: elsewhere ? witness : at(witness),
    witnessToken: witnessToken && at(witnessToken),
    witnessCa: witnessCa && at(witnessCa),
  };
}

function otlpPaths(
  otlp: OtlpSettings | undefined,
  at: (path: string) => string,
): OtlpSettings | undefined {
  if (!otlp) return undefined;
  const headers = Object.entries(otlp.headers).map(([name, from]) => [
    name,
    'file' in from ? { file: at(from.file) } : from,
  ]);
  return {
    ...otlp,
    headers: Object.fromEntries(headers),
    ...(otlp.ca !== undefined && { ca: at(otlp.ca) }),
  };
}
