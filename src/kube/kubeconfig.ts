// SPDX-License-Identifier: Apache-2.0
import { homedir } from 'node:os';
import { delimiter, dirname, join, resolve } from 'node:path';
import { parse } from 'yaml';
import * as z from 'zod';
import { Secret } from '../model/secret.ts';
import {
  type KubeConnection,
  podConnection,
  readPart,
  tokenFromFile,
  unusable,
} from './connection.ts';

const cluster = z.object({
  server: z.string(),
  'certificate-authority': z.string().optional(),
  'certificate-authority-data': z.string().optional(),
  'tls-server-name': z.string().optional(),
  'insecure-skip-tls-verify': z.boolean().optional(),
  'proxy-url': z.string().optional(),
});
const context = z.object({
  cluster: z.string(),
  user: z.string(),
  namespace: z.string().optional(),
});
const user = z.looseObject({
  token: z.string().optional(),
  tokenFile: z.string().optional(),
  'client-certificate': z.string().optional(),
  'client-certificate-data': z.string().optional(),
  'client-key': z.string().optional(),
  'client-key-data': z.string().optional(),
});
const kubeconfig = z.object({
  'current-context': z.string().nullish(),
  clusters: z.array(z.object({ name: z.string(), cluster })).nullish(),
  contexts: z.array(z.object({ name: z.string(), context })).nullish(),
  users: z.array(z.object({ name: z.string(), user: user.nullish() })).nullish(),
});

type Cluster = z.infer<typeof cluster>;
type User = z.infer<typeof user>;

/** A section and the file it stands in: paths in it are relative to that. */
interface Found<T> {
  readonly file: string;
  readonly value: T;
}

/** What a user may say that we do not do, and what to do about it. */
const REFUSED_OF_USER: Readonly<Record<string, string>> = {
  exec: 'a program that hands out credentials is not run; put what it prints into a tokenFile',
  'auth-provider': 'use a tokenFile',
  username: 'API servers take no passwords any more',
  password: 'API servers take no passwords any more',
  as: 'impersonation is not done; use credentials of its own',
};

export interface ConnectionChoice {
  readonly environment: NodeJS.ProcessEnv;
  /** Instead of the current one. */
  readonly context?: string;
  /** Instead of `KUBECONFIG`. */
  readonly files?: readonly string[];
}

/** As kubectl chooses: the files named, `KUBECONFIG`, the pod's service account, `~/.kube/config`. */
export function chooseConnection(choice: ConnectionChoice): KubeConnection {
  const named = choice.files ?? choice.environment['KUBECONFIG']?.split(delimiter).filter(Boolean);
  if (named && named.length > 0) return fromKubeconfig(named, choice.context);
  const pod = choice.context === undefined ? podConnection(choice.environment) : undefined;
  return pod ?? fromKubeconfig([join(homedir(), '.kube', 'config')], choice.context);
}

/** Several files count as one, in which the first to name something has its way. */
export function fromKubeconfig(files: readonly string[], wanted?: string): KubeConnection {
  const read = files.map((file) => ({ file, value: readFile(file) }));
  const origin = files.join(delimiter);
  const chosen = wanted ?? read.map(({ value }) => value['current-context']).find(Boolean);
  if (!chosen) throw unusable(origin, 'it has no current-context, and none was chosen');
  const find = <T>(what: string, name: string, of: (file: Kubeconfig) => Named<T>[]): Found<T> => {
    for (const { file, value } of read) {
      const entry = of(value).find((candidate) => candidate.name === name);
      if (entry) return { file, value: entry.value };
    }
    throw unusable(origin, `it has no ${what} called ${name}`);
  };
  const { value: use } = find('context', chosen, ({ contexts }) =>
    (contexts ?? []).map((entry) => ({ name: entry.name, value: entry.context })),
  );
  const server = find('cluster', use.cluster, ({ clusters }) =>
    (clusters ?? []).map((entry) => ({ name: entry.name, value: entry.cluster })),
  );
  const caller = find('user', use.user, ({ users }) =>
    (users ?? []).map((entry) => ({ name: entry.name, value: entry.user ?? {} })),
  );
  return connection(server, caller, use.namespace ?? 'default');
}

type Kubeconfig = z.infer<typeof kubeconfig>;
interface Named<T> {
  readonly name: string;
  readonly value: T;
}

function readFile(file: string): Kubeconfig {
  const text = readPart(file, file);
  let value: unknown;
  try {
    value = parse(text);
  } catch {
    // The parser quotes the line, which may hold a token.
    throw unusable(file, 'it is not YAML');
  }
  const checked = kubeconfig.safeParse(value);
  if (checked.success) return checked.data;
  const [issue] = checked.error.issues;
  throw unusable(file, `${issue?.path.join('.') || 'the file'}: ${issue?.message}`);
}

function connection(
  server: Found<Cluster>,
  caller: Found<User>,
  namespace: string,
): KubeConnection {
  const { file, value } = server;
  if (value['insecure-skip-tls-verify']) {
    throw unusable(file, 'insecure-skip-tls-verify is not done; give it a certificate-authority');
  }
  if (value['proxy-url']) throw unusable(file, 'proxy-url is not done');
  for (const [name, instead] of Object.entries(REFUSED_OF_USER)) {
    if (caller.value[name] !== undefined) {
      throw unusable(caller.file, `its user has ${name}: ${instead}`);
    }
  }
  const url = URL.canParse(value.server) ? new URL(value.server) : undefined;
  if (url?.protocol !== 'https:' || url.username || url.password) {
    throw unusable(file, 'its server is no https URL');
  }
  const ca = material(server, 'certificate-authority');
  const certificate = material(caller, 'client-certificate');
  const key = material(caller, 'client-key');
  if ((certificate === undefined) !== (key === undefined)) {
    throw unusable(caller.file, 'a client certificate needs its key, and a key its certificate');
  }
  const serverName = value['tls-server-name'];
  const token = tokenOf(caller);
  if (!token && key === undefined) {
    throw unusable(caller.file, 'its user has neither a token nor a client certificate');
  }
  return {
    origin: file,
    server: url,
    namespace,
    tls: {
      ...(ca !== undefined && { ca }),
      ...(certificate !== undefined && { certificate }),
      ...(key !== undefined && { key: new Secret(key) }),
      ...(serverName !== undefined && { serverName }),
    },
    ...(token && { token }),
  };
}

function tokenOf({ file, value }: Found<User>): (() => Secret) | undefined {
  const { tokenFile, token } = value;
  if (tokenFile !== undefined) return () => tokenFromFile(resolve(dirname(file), tokenFile), file);
  if (token === undefined) return undefined;
  const secret = new Secret(token);
  return () => secret;
}

/** `NAME-data` in base64, or the file that `NAME` names. */
function material<T extends object>({ file, value }: Found<T>, name: string): string | undefined {
  const fields = value as Record<string, unknown>;
  const data = fields[`${name}-data`];
  if (typeof data === 'string') return Buffer.from(data, 'base64').toString('utf8');
  const path = fields[name];
  return typeof path === 'string' ? readPart(resolve(dirname(file), path), file) : undefined;
}
