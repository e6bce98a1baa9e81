// SPDX-License-Identifier: Apache-2.0
import { createHash } from 'node:crypto';
import { desiredSql } from '../compile/sql/desired.ts';
import type { Installation, Scope } from '../compile/sql/managed.ts';
import { PosternError } from '../model/errors.ts';
import type { ObjectPattern, Policy, Target } from '../policy/policy.ts';
import { procedureTexts } from './procedures.ts';
import { BROKER_RIGHTS, OWNER_RIGHTS, READER_RIGHTS, REGISTRY_VERSION } from './registry-schema.ts';

/** What this build's bootstrap leaves on a server, to compare with what is there. */
const INSTALLATION: Installation = {
  version: REGISTRY_VERSION,
  owner: { user: 'postern_owner', host: 'localhost' },
  ownerRights: OWNER_RIGHTS,
  brokerRights: BROKER_RIGHTS,
  readerRights: READER_RIGHTS,
  procedures: procedureTexts().map(({ name, text }) => ({
    name,
    bodySha256: createHash('sha256').update(text).digest('hex'),
  })),
};

/** What one Target answers for on its server. Throws `target-unsupported` for other systems. */
export function databaseScope(policy: Policy, target: Target): Scope {
  const { system } = target;
  if (system.type !== 'mariadb') {
    const problem = 'its grants are planned on MariaDB only in this build';
    throw new PosternError('target-unsupported', { target: target.id, problem });
  }
  const desired = desiredSql(policy, target);
  const named = desired.steps.flatMap(({ rights = [] }) => rights.map(({ schema }) => schema));
  const objects: readonly ObjectPattern[] = [...policy.roles.values()]
    .filter(({ id }) => desired.roles.some(({ dataRole }) => dataRole === id))
    .flatMap(({ privileges }) => privileges.flatMap((privilege) => privilege.objects));
  const views = desired.views.map(({ schema }) => schema);
  const plain = named.filter((schema) => !schema.includes('\\'));
  const schemas = [...system.schemas, ...objects.map(({ schema }) => schema), ...views, ...plain];
  return {
    policy,
    target,
    broker: system.broker.user,
    ...(system.reader && { reader: system.reader.user }),
    operators: system.operators,
    schemas: [...new Set(schemas)].sort(),
    installation: INSTALLATION,
    desired,
  };
}
