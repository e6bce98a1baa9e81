// SPDX-License-Identifier: Apache-2.0
import { type BootstrapOutcome, bootstrapTarget as run } from '../../src/app/bootstrap-target.ts';
import { Secret } from '../../src/model/secret.ts';
import { diagnosticsText } from '../../src/policy/diagnostic-text.ts';
import { loadPolicy } from '../../src/policy/load.ts';
import type { TestMariadb } from './mariadb.ts';

/** What `postern bootstrap TARGET` does, as root over the socket. Throws on any fault. */
export async function bootstrapTarget(
  policyPath: string,
  targetId: string,
  mariadb: TestMariadb,
): Promise<BootstrapOutcome> {
  const { policy, diagnostics, sources } = await loadPolicy([policyPath]);
  const target = policy?.targets.get(targetId);
  if (!policy || !target) {
    throw new Error(`no target ${targetId}\n${diagnosticsText(diagnostics, sources)}`);
  }
  return run(policy, target, {
    user: 'root',
    password: new Secret(mariadb.rootPassword),
    endpoint: { socketPath: mariadb.socketPath },
  });
}
