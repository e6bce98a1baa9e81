// SPDX-License-Identifier: Apache-2.0
import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { readServer } from '../../app/read-server.ts';
import type { ImportedDocument } from '../../import/document.ts';
import { declarationText } from '../../import/document.ts';
import { EMPTY_MAP, readAccountMap } from '../../import/mariadb/account-map.ts';
import { holderName } from '../../import/mariadb/holders.ts';
import { importMariadb } from '../../import/mariadb/import-mariadb.ts';
import { readLimits } from '../../import/mariadb/service-classes.ts';
import { PosternError, problemText } from '../../model/errors.ts';
import { checkSources } from '../../policy/check.ts';
import { diagnosticsText } from '../../policy/diagnostic-text.ts';
import type { Source } from '../../policy/parse.ts';
import type { Policy, Target } from '../../policy/policy.ts';
import { type AdministratorOptions, administratorOf } from '../administrator-options.ts';
import { targetNamed } from '../asking.ts';
import type { CommandContext, ExitCode } from '../command.ts';
import { type DeliveryOptions, declaredSources, deliver } from './deliver.ts';

export interface MariadbOptions extends AdministratorOptions, DeliveryOptions {
  readonly target?: string;
  readonly name: string;
  readonly namespace: string;
  readonly map?: string;
  readonly ca?: string;
  readonly serverName?: string;
  readonly insecureSkipVerify?: boolean;
  readonly insecurePlaintext?: boolean;
}

type Tls = { readonly [key: string]: boolean | string | { readonly file: string } };

/** Accounts and grants of a server -> a declaration, a report and a map to fill in. */
export async function importFromMariadb(
  options: MariadbOptions,
  context: CommandContext,
): Promise<ExitCode> {
  const name =
    options.target === undefined ? options.name : `${options.target}-imported`.replace('/', '-');
  const declared = await declaredSources(options, name, context);
  const place =
    options.target === undefined
      ? newTarget(options, context)
      : declaredTarget(options.target, declared, context);
  const { target, policy } = place;
  const server = await readServer(target, administratorOf(target, options, policy, context));
  const known = server.state.accounts
    .filter(({ isRole, user }) => !isRole && user !== '')
    .map((one) => holderName(one));
  const snapshot = {
    state: server.state,
    limits: readLimits(server.limits ?? []),
    ...(server.schemas && { schemas: server.schemas }),
  };
  const labels = Object.keys(target.labels).length > 0 ? target.labels : { app: target.name };
  const { accountMap, ...imported } = importMariadb(snapshot, {
    namespace: target.namespace,
    name: target.name,
    labels,
    ...(place.made && { target: place.made }),
    taken: new Set(checkSources(declared).documents.rules()),
    map: options.map === undefined ? EMPTY_MAP : accountMapIn(options.map, known, context),
  });
  if (!server.limits)
    context.err('Resource limits and patterns were not read: this account sees rights alone.');
  const map = `${target.name}.accounts.map`;
  const out = options.out ?? '.';
  return deliver(
    {
      name,
      imported,
      declared,
      toEdit: new Map([[map, accountMap]]),
      next:
        options.map === undefined
          ? `write into ${join(out, map)} whose each account is, then run this again with --map ${join(out, map)} --force`
          : `postern check ${out}`,
    },
    options,
    context,
  );
}

interface Place {
  readonly target: Target;
  readonly policy: Policy;
  readonly made?: { readonly host: string; readonly port: number; readonly tls: Tls };
}

/** Throws `usage` or `policy-invalid`. */
function declaredTarget(name: string, declared: readonly Source[], context: CommandContext): Place {
  const policy = sound(declared, context);
  return { policy, target: targetNamed(name, policy) };
}

/** A Target that nobody declared yet, read as the declaration that will hold it. */
function newTarget(options: MariadbOptions, context: CommandContext): Place {
  const host = options.host?.at(-1) ?? '127.0.0.1';
  const port = Number(options.port?.at(-1) ?? 3306);
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new PosternError('usage', { problem: `"${options.port?.at(-1)}" is not a port.` });
  }
  const directory = resolve(context.cwd, options.out ?? '.');
  const made = { host, port, tls: tlsOf(options, directory, context) };
  const { name, namespace } = options;
  const broker = { user: 'postern_broker', password: { file: 'broker-password' } };
  const document: ImportedDocument = {
    kind: 'Target',
    name,
    namespace,
    labels: { app: name },
    spec: {
      expose: { port: 3306 },
      mariadb: { endpoints: [{ host, port }], tls: made.tls, broker },
    },
  };
  const path = `${name}.yaml`;
  const policy = sound([{ path, text: declarationText([document]), directory }], context);
  return { policy, target: targetNamed(`${namespace}/${name}`, policy), made };
}

/** As it is written into the Target; a socket needs none, and its Target gets one to fill in. */
function tlsOf(options: MariadbOptions, directory: string, context: CommandContext): Tls {
  if (options.insecurePlaintext) return { insecurePlaintext: true };
  if (options.insecureSkipVerify) return { insecureSkipVerify: true };
  if (options.ca === undefined && options.socket === undefined) {
    const problem =
      'Name the root certificate of the database with --ca, or say --insecure-plaintext.';
    throw new PosternError('usage', { problem });
  }
  const file = options.ca === undefined ? 'db-ca.pem' : resolve(context.cwd, options.ca);
  return {
    ca: { file: options.ca === undefined ? file : relative(directory, file) },
    ...(options.serverName !== undefined && { serverName: options.serverName }),
  };
}

function sound(sources: readonly Source[], context: CommandContext): Policy {
  const { policy, diagnostics } = checkSources(sources);
  if (policy) return policy;
  const errors = diagnostics.filter(({ severity }) => severity === 'error');
  context.err(diagnosticsText(errors, sources));
  throw new PosternError('policy-invalid', { count: errors.length });
}

function accountMapIn(path: string, known: readonly string[], context: CommandContext) {
  const file = resolve(context.cwd, path);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    throw new PosternError('file-unreadable', { file, problem: problemText(cause) }, cause);
  }
  const source = { path, text };
  const { map, faults } = readAccountMap(source, known);
  if (faults.length === 0) return map;
  context.err(diagnosticsText(faults, [source]));
  throw new PosternError('policy-invalid', { count: faults.length, hint: `Correct ${path}.` });
}
