// SPDX-License-Identifier: Apache-2.0
import { X509Certificate } from 'node:crypto';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { type BootstrapReport, bootstrap, bootstrapScript } from '../broker/bootstrap.ts';
import type { BrokerAccount, LeaseTransport } from '../broker/bootstrap-accounts.ts';
import type { Declaration } from '../broker/declaration-record.ts';
import { leaseDialect } from '../broker/dialect-of.ts';
import { certificateNames } from '../broker/distinguished-name.ts';
import type { LeaseDialect } from '../broker/lease-dialect.ts';
import { randomPassword } from '../broker/password-hash.ts';
import { PosternError, problemText } from '../model/errors.ts';
import { Secret } from '../model/secret.ts';
import type { Material, MysqlSystem, Policy, Target } from '../policy/policy.ts';
import { readMaterial } from './material.ts';
import { type Administrator, connectAsAdministrator, mysqlFamilyOf } from './target-connection.ts';

export interface BootstrapOutcome extends BootstrapReport {
  /** Declared password files that did not exist and were written. */
  readonly passwordFilesWritten: readonly string[];
}

/** Installs or updates one target; rejects as `bootstrap` and `openAdminConnection` do. */
export async function bootstrapTarget(
  declaration: Declaration,
  target: Target,
  admin: Administrator,
): Promise<BootstrapOutcome> {
  const system = mysqlFamilyOf(target);
  const dialect = leaseDialect(target);
  const connection = await connectAsAdministrator(target, admin);
  try {
    const broker = await declaredPassword(system.broker.password, dialect);
    const reader = system.reader && (await declaredPassword(system.reader.password, dialect));
    const account = brokerAccount(target, system, broker.hash, reader?.hash);
    const report = await bootstrap(connection, declaration, target, account);
    const written = [broker.written, reader?.written].filter((file) => file !== undefined);
    return { ...report, passwordFilesWritten: written };
  } finally {
    await connection.close();
  }
}

/** What would be run, without a connection and without a real password hash. */
export function printBootstrap(policy: Policy, target: Target): string {
  const system = mysqlFamilyOf(target);
  const hash = leaseDialect(target).sampleHash;
  const account = brokerAccount(target, system, hash, hash);
  return bootstrapScript(policy, target, account);
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
async function declaredPassword(
  material: Material,
  dialect: LeaseDialect,
): Promise<{ hash: string; written?: string }> {
  if (material.from === 'env' || existsSync(material.path)) {
    return { hash: await dialect.passwordHash(new Secret(readMaterial(material).trim())) };
  }
  const password = randomPassword();
  try {
    mkdirSync(dirname(material.path), { recursive: true, mode: 0o700 });
    writeFileSync(material.path, `${password.reveal()}\n`, { mode: 0o600, flag: 'wx' });
  } catch (cause) {
    const facts = { file: material.path, problem: problemText(cause) };
    throw new PosternError('file-unwritable', facts, cause);
  }
  return { hash: await dialect.passwordHash(password), written: material.path };
}
