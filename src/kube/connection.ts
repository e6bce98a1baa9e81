// SPDX-License-Identifier: Apache-2.0
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { PosternError, problemText } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';

/** How to reach one API server, and as whom. */
export interface KubeConnection {
  /** Where this was read, for messages. */
  readonly origin: string;
  readonly server: URL;
  /** For objects without a namespace of their own. */
  readonly namespace: string;
  readonly tls: {
    /** PEM; absent: the authorities of Node. */
    readonly ca?: string;
    readonly certificate?: string;
    readonly key?: Secret;
    readonly serverName?: string;
  };
  /** Asked for every request: projected tokens are replaced while we run. */
  token?(): Secret;
}

export const POD_DIRECTORY = '/var/run/secrets/kubernetes.io/serviceaccount';

/** The service account of the pod we run in; undefined outside of a cluster. */
export function podConnection(
  environment: NodeJS.ProcessEnv,
  directory = POD_DIRECTORY,
): KubeConnection | undefined {
  const host = environment['KUBERNETES_SERVICE_HOST'];
  const port = environment['KUBERNETES_SERVICE_PORT'] ?? '443';
  const tokenPath = join(directory, 'token');
  if (!host || !existsSync(tokenPath)) return undefined;
  return {
    origin: directory,
    server: new URL(`https://${host.includes(':') ? `[${host}]` : host}:${port}`),
    namespace: readPart(join(directory, 'namespace'), directory).trim(),
    tls: { ca: readPart(join(directory, 'ca.crt'), directory) },
    token: () => tokenFromFile(tokenPath, directory),
  };
}

export function tokenFromFile(path: string, origin: string): Secret {
  const token = readPart(path, origin).trim();
  if (token === '' || /[^\x21-\x7e]/.test(token)) {
    throw unusable(origin, `the token file ${path} does not hold one token`);
  }
  return new Secret(token);
}

export function readPart(path: string, origin: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw unusable(origin, `it needs ${path}: ${problemText(cause)}`, cause);
  }
}

export function unusable(file: string, problem: string, cause?: unknown): PosternError {
  return new PosternError('kubeconfig-unusable', { file, problem }, cause);
}
