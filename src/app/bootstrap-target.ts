// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type BootstrapReport, bootstrap, bootstrapScript } from '../broker/bootstrap.ts';
import type { BrokerAccount, LeaseTransport } from '../broker/bootstrap-accounts.ts';
import { certificateNames } from '../broker/distinguished-name.ts';
import { nativePasswordHash, randomPassword } from '../broker/password-hash.ts';
import { PosternError, problemText } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { Material, MysqlSystem, Policy, Target } from '../policy/policy.ts';
import { openAdminConnection } from '../target/mysql/session.ts';
import { readMaterial } from './material.ts';
import { upstreamTls } from './upstream-tls.ts';

/** Who installs; needs the rights of root on the target, and is not kept. */
export interface BootstrapAdmin {
  readonly user: string;
  readonly password: Secret;
  readonly endpoint:
    | { readonly socketPath: string }
    | { readonly host: string; readonly port: number };
}

export interface BootstrapOutcome extends BootstrapReport {
  /** Declared password files that did not exist and were written. */
  readonly passwordFilesWritten: readonly string[];
}

const ADMIN_DEADLINE_MS = 15_000;

/** Installs or updates one target; rejects as `bootstrap` and `openAdminConnection` do. */
export async function bootstrapTarget(
  policy: Policy,
  target: Target,
  admin: BootstrapAdmin,
): Promise<BootstrapOutcome> {
  const system = mysqlSystem(target);
  const connection = await openAdminConnection({
    targetName: target.id,
    endpoint: admin.endpoint,
    tls: 'socketPath' in admin.endpoint ? { mode: 'plaintext' } : upstreamTls(system),
    user: admin.user,
    password: admin.password,
    deadlineMs: ADMIN_DEADLINE_MS,
    // A GRANT waits for statements that use the table.
    queryDeadlineMs: 4 * ADMIN_DEADLINE_MS,
  });
  try {
    const broker = declaredPassword(system.broker.password);
    const reader = system.reader && declaredPassword(system.reader.password);
    const account = brokerAccount(target, system, broker.hash, reader?.hash);
    const report = await bootstrap(connection, policy, target, account);
    const written = [broker.written, reader?.written].filter((file) => file !== undefined);
    return { ...report, passwordFilesWritten: written };
  } finally {
    await connection.close();
  }
}

/** What would be run, without a connection and without a real password hash. */
export function printBootstrap(policy: Policy, target: Target): string {
  const hash = `*${'0'.repeat(40)}`;
  const account = brokerAccount(target, mysqlSystem(target), hash, hash);
  return bootstrapScript(policy, target, account);
}

function mysqlSystem(target: Target): MysqlSystem {
  const { system } = target;
  if (system.type === 'mariadb') return system;
  const problem = 'leases are lent on MariaDB only in this build';
  throw new PosternError('target-unsupported', { target: target.id, problem });
}

function brokerAccount(
  target: Target,
  system: MysqlSystem,
  passwordHash: string,
  readerHash: string | undefined,
): BrokerAccount {
  const { broker, reader } = system;
  return {
    user: broker.user,
    passwordHash,
    transport: leaseTransport(system),
    targetId: target.id,
    ...(reader && readerHash && { reader: { user: reader.user, passwordHash: readerHash } }),
  };
}

function leaseTransport({ tls }: MysqlSystem): LeaseTransport {
  if (tls.mode === 'insecurePlaintext') return { transport: 'none' };
  if (tls.mode === 'insecureSkipVerify' || !tls.clientCertificate) return { transport: 'tls' };
  const certificate = new X509Certificate(readMaterial(tls.clientCertificate.cert));
  return { transport: 'certificate', names: certificateNames(certificate) };
}

/** A file that is declared and not there is made; an existing one is never written. */
function declaredPassword(material: Material): { hash: string; written?: string } {
  if (material.from === 'env' || existsSync(material.path)) {
    return { hash: nativePasswordHash(new Secret(readMaterial(material).trim())) };
  }
  const password = randomPassword();
  try {
    mkdirSync(dirname(material.path), { recursive: true, mode: 0o700 });
    writeFileSync(material.path, `${password.reveal()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    const facts = { file: material.path, problem: problemText(cause) };
    throw new PosternError('file-unwritable', facts, cause);
  }
  return { hash: nativePasswordHash(password), written: material.path };
}
