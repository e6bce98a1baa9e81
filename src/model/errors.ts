// SPDX-License-Identifier: Apache-2.0

/**
 * Every failure that is not a denial (a `Decision`) and not a fault in a declaration (a
 * `Diagnostic`). The list is closed; call sites pick a code and facts and write no prose, so they
 * cannot leak. `{fact}` in a message is replaced by the fact of that name.
 */
const CATALOGUE = {
  internal:
    'Something went wrong inside Postern; the log has it under correlation id {correlation}.',
  usage: '{problem}',
  'config-invalid': 'The configuration {file} has {count} fault(s):\n{faults}',
  'policy-invalid': 'The declaration has {count} fault(s).',
  'file-unreadable': 'Cannot read {file}: {problem}.',
  'file-unwritable': 'Cannot write {file}: {problem}.',
  'malformed-message': 'A {message} message is malformed at byte {offset}: {problem}.',
  'unexpected-message': 'A {message} message arrived while {state}.',
  'peer-closed': 'The {peer} closed the connection while {state}.',
  timeout: '{action} took longer than {limitMs} ms.',
  'tls-failed': 'TLS with {peer} failed: {problem}.',
  'target-unreachable': 'Cannot reach target {target} at {endpoint}: {problem}.',
  'target-refused': 'Target {target} refused the login of {account}: {problem}.',
  'target-error': 'Target {target} answered error {errno}: {problem}.',
  'target-unsupported': 'Target {target} cannot be used: {problem}.',
  'lease-failed': 'No lease on {target}: {problem}.',
  'audit-unwritable': 'The audit at {path} cannot be written: {problem}.',
  'audit-corrupt': 'The audit at {path} does not verify: {problem}.',
  'provider-unreachable': 'Identity provider {provider} cannot be reached: {problem}.',
  'listen-failed': 'Cannot listen on {address}: {problem}.',
  'api-unreachable': 'Cannot reach the gateway at {address}: {problem}.',
  'api-refused': 'The gateway refused: {problem}.',
  'authority-unusable': 'The authority in {directory} cannot be used: {problem}.',
  'authority-unreachable': 'Cannot reach the authority at {address}: {problem}.',
  'authority-refused': 'The authority refused: {problem}.',
  'kubeconfig-unusable': 'Cannot use {file} to reach a cluster: {problem}.',
  'cluster-unreachable': 'Cannot reach the Kubernetes API at {server}: {problem}.',
  'cluster-refused': 'The Kubernetes API at {server} refused to {action}: {problem}.',
  'cluster-conflict': 'The Kubernetes API at {server} did not {action}: {problem}.',
  'cluster-unfit': 'The cluster at {server} does not serve {kind} ({apiVersion}).',
  'plan-blocked': 'Nothing was applied: {problem}.',
  'plan-outdated': 'Nothing was applied: {file} was made for something else, {problem}.',
  'requirement-missing': '{requirement} is needed and was not found. {remedy}',
} as const;

export type ErrorCode = keyof typeof CATALOGUE;
export type ErrorFacts = Readonly<Record<string, string | number>>;

/** `message` is safe to show to a peer or a terminal; `cause` is for logs only. */
export class PosternError extends Error {
  readonly code: ErrorCode;
  readonly facts: ErrorFacts;

  constructor(code: ErrorCode, facts: ErrorFacts = {}, cause?: unknown) {
    super(
      CATALOGUE[code].replace(/\{(\w+)\}/g, (_, name: string) => String(facts[name] ?? 'unknown')),
      cause === undefined ? undefined : { cause },
    );
    this.name = 'PosternError';
    this.code = code;
    this.facts = facts;
  }
}

export const ERROR_CODES = Object.keys(CATALOGUE) as readonly ErrorCode[];

/** Total: whatever was thrown becomes a PosternError, unknown things as `internal`. */
export function toPosternError(thrown: unknown, correlation = 'none'): PosternError {
  if (thrown instanceof PosternError) return thrown;
  return new PosternError('internal', { correlation }, thrown);
}

/** `ENOENT: no such file or directory, open '/a/b'` as Node words it; the path is said elsewhere. */
const SYSTEM_MESSAGE = /^([A-Z][A-Z0-9_]+): (.+?)(?:, \w+(?: '.*')?)?$/s;

/** Text of an unknown throw for the `problem` fact; system errors give their code. */
export function problemText(thrown: unknown): string {
  if (!(thrown instanceof Error)) return String(thrown);
  const { code } = thrown as NodeJS.ErrnoException;
  const system = SYSTEM_MESSAGE.exec(thrown.message);
  if (code !== undefined && system?.[1] === code) return `${system[2]} (${code})`;
  return code && !thrown.message.includes(code) ? `${thrown.message} (${code})` : thrown.message;
}
