// SPDX-License-Identifier: Apache-2.0
import { type BootstrapOutcome, bootstrapTarget } from '../../src/app/bootstrap-target.ts';
import { Secret } from '../../src/model/secret.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import type { TestMariadb } from './mariadb.ts';

/** What `postern bootstrap` does, over the server's socket as root. */
export async function bootstrapAsRoot(
  policyPath: string,
  targetId: string,
  mariadb: TestMariadb,
): Promise<BootstrapOutcome> {
  const { policy, diagnostics, sources } = await loadPolicy([policyPath]);
  const target = policy?.targets.get(targetId);
  if (!policy || !target) {
    throw new Error(`the declaration of the test is faulty: ${JSON.stringify(diagnostics)}`);
  }
  return bootstrapTarget({ policy, sources }, target, {
    user: 'root',
    password: new Secret(mariadb.rootPassword),
    endpoint: { socketPath: mariadb.socketPath },
  });
}
