// SPDX-License-Identifier: Apache-2.0
import type { Target } from '../policy/policy.ts';
import type { MeshNames } from './mesh-names.ts';

/** One HTTP request of each kind that is told apart; for a database there is one, without parts. */
export interface MeshRequest {
  readonly path?: string;
  readonly method?: string;
}

const OTHER_PATH = '/anything-else';
const OTHER_METHOD = 'PURGE';

/** What a Target takes; `*` ends a path. Undefined: every request. */
interface Operation {
  readonly paths: readonly string[];
  readonly methods: readonly string[];
}

export function requestsOf(
  targets: readonly Target[],
  protocol: 'tcp' | 'http',
  { paths, methods }: MeshNames,
): readonly MeshRequest[] {
  if (protocol === 'tcp') return [{}];
  const operations = targets.flatMap((target) => operationOf(target) ?? []);
  const all = <T>(...lists: readonly Iterable<T>[]) => [
    ...new Set(lists.flatMap((list) => [...list])),
  ];
  const asked = all(
    operations.flatMap((one) => one.paths.map(samplePath)),
    [...paths].filter((path) => path.startsWith('/')),
    [OTHER_PATH],
  );
  const used = all(
    operations.flatMap((one) => one.methods),
    [...methods].filter((method) => /^[A-Z]+$/.test(method)),
    ['GET', OTHER_METHOD],
  );
  return asked.flatMap((path) => used.map((method) => ({ path, method })));
}

/** Whether the declaration lets such a request through to the target, whoever asks. */
export function takes(target: Target, { path = '', method = '' }: MeshRequest): boolean {
  const operation = operationOf(target);
  if (!operation) return true;
  const fits = (pattern: string) => {
    if (pattern.endsWith('*')) return path.startsWith(pattern.slice(0, -1));
    return pattern.startsWith('*') ? path.endsWith(pattern.slice(1)) : path === pattern;
  };
  return operation.paths.some(fits) && operation.methods.includes(method);
}

export function requestText({ path, method }: MeshRequest): string | undefined {
  return path === undefined ? undefined : `${method} ${path}`;
}

function operationOf({ system }: Target): Operation | undefined {
  if (system.type === 'azureMl') return { paths: ['/score'], methods: ['POST'] };
  if (system.type !== 'http') return undefined;
  return { paths: system.paths, methods: system.methods };
}

const samplePath = (pattern: string): string =>
  pattern.replace(/^\*/, '/x-y').replace(/\*$/, 'x-y');
