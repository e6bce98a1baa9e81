// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';

export interface AccountIdentity {
  /** The process that lends: `<installation>.<boot>`. */
  readonly instance: string;
  readonly principalId: string;
  /** Base roles, sorted: one account has one privilege set for all its life. */
  readonly roles: readonly string[];
}

/** MariaDB: `CHAR(128)` user names; MySQL: 32 characters. */
export type AccountNameLimit = 128 | 32;

/** What the registry takes for the name of an installation. */
const INSTALLATION_LENGTH = 32;
const INSTALLATION_HASH_LENGTH = 12;

const MANAGED_PREFIX = 'postern:';
const SHORT_PREFIX = 'pn:';

/**
 * The account's name: it shows the origin in `USER()`, the process list and the target's logs, as
 * in `postern:1a2b3c:workload/prod-weu/payments/checkout:0123456789`. Different identities get
 * different hashes; the readable part is for people and may be cut. The procedures on the target
 * accept this shape only (`lend` in procedures.ts).
 */
export function accountName(identity: AccountIdentity, limit: AccountNameLimit = 128): string {
  const { instance, principalId, roles } = identity;
  const prefix = limit === 32 ? SHORT_PREFIX : MANAGED_PREFIX;
  const head = `${prefix}${instanceTag(instance)}:`;
  const tail = `:${sha256([instance, principalId, ...roles]).slice(0, 10)}`;
  return head + shown(principalId, limit - head.length - tail.length) + tail;
}

/**
 * What the registry on a target calls one Target of an `instance` setting: each is an installation
 * of its own, so one gateway may serve several Targets of one server. Every process with the same
 * setting makes the same name.
 */
export function installationName(instance: string, targetId: string): string {
  const hash = sha256([instance, targetId]).slice(0, INSTALLATION_HASH_LENGTH);
  return `${instance.slice(0, INSTALLATION_LENGTH - INSTALLATION_HASH_LENGTH - 1)}-${hash}`;
}

/** Six hex digits in every account name of an instance; the target computes the same. */
export function instanceTag(instance: string): string {
  return createHash('sha256').update(instance).digest('hex').slice(0, 6);
}

/** Printable, without quotes, colons or spaces; the end of an id says more than its start. */
function shown(principalId: string, length: number): string {
  return principalId.replace(/[^A-Za-z0-9._/@#-]/gu, '_').slice(-length);
}

/** JSON keeps the parts apart: no choice of ids makes two different lists the same text. */
function sha256(parts: readonly string[]): string {
  return createHash('sha256').update(JSON.stringify(parts)).digest('hex');
}
